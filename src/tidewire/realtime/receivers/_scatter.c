/*
 * Events to sockets, one message after the other: the innermost loop of fan-out. `scatter.py` says what it does.
 *
 * The kernel takes some microseconds for a message, and the interpreter would add a fifth to it. While this loop
 * runs, the interpreter is free for the database's threads.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>

#define AHEAD 8 /* receivers whose memory is on its way while one is looked at */
#define ELSEWHERE (-1)
#define DONE (-2)

struct state {
    PyTypeObject *socket;
};

struct socket {
    PyObject_HEAD
    int descriptor;
    int fast_round;
    long long sent;
};

/* What stands before and after the tail of every receiver. */
struct around {
    const char *head;
    Py_ssize_t head_length;
    const char *end;
    Py_ssize_t end_length;
};

struct part {
    int descriptor;
    const char *tail;
    Py_ssize_t length;
    Py_ssize_t taken; /* or ELSEWHERE, or DONE */
};

struct job {
    PyTypeObject *socket;
    PyObject *sockets;
    PyObject *tails;
    Py_ssize_t start;
    Py_ssize_t count;
    const char *done; /* NULL: nobody */
    struct around *arounds;
    Py_ssize_t around_count;
    Py_ssize_t around_length; /* of all of them */
    long long round;
    long long offset;
    struct part *parts;
    Py_ssize_t longest; /* tail */
    char *message;
};

static void read_socket(struct part *part, struct socket *socket, const struct job *job)
{
    part->taken = ELSEWHERE;
    if (socket->fast_round != job->round)
        return;
    part->taken = 0;
    part->descriptor = socket->descriptor;
    if (job->offset != 0)
        socket->sent = job->offset;
}

static int read_parts(struct job *job)
{
    PyTypeObject *known = NULL;
    for (Py_ssize_t i = 0; i < job->count; i++) {
        struct part *part = &job->parts[i];
        PyObject *socket = PyList_GetItem(job->sockets, job->start + i);
        if (i + AHEAD < job->count) {
            __builtin_prefetch(PyList_GetItem(job->sockets, job->start + i + AHEAD));
            __builtin_prefetch(PyList_GetItem(job->tails, job->start + i + AHEAD));
        }
        if (Py_TYPE(socket) != known && !PyObject_TypeCheck(socket, job->socket)) {
            PyErr_SetString(PyExc_TypeError, "there must be nothing but sockets");
            return -1;
        }
        known = Py_TYPE(socket);
        char *tail;
        if (PyBytes_AsStringAndSize(PyList_GetItem(job->tails, job->start + i), &tail, &part->length) != 0)
            return -1;
        part->tail = tail;
        if (part->length > job->longest)
            job->longest = part->length;
        part->taken = DONE;
        if (job->done == NULL || !job->done[job->start + i])
            read_socket(part, (struct socket *)socket, job);
    }
    return 0;
}

/* Write the message of `part`. What is around the tails is there from the one before, if both are as long. */
static size_t compose(const struct job *job, const struct part *part, int afresh)
{
    char *at = job->message;
    for (Py_ssize_t i = 0; i < job->around_count; i++) {
        const struct around *around = &job->arounds[i];
        if (afresh)
            memcpy(at, around->head, (size_t)around->head_length);
        at += around->head_length;
        memcpy(at, part->tail, (size_t)part->length);
        at += part->length;
        if (afresh)
            memcpy(at, around->end, (size_t)around->end_length);
        at += around->end_length;
    }
    return (size_t)(at - job->message);
}

/* A socket that takes nothing, for whatever reason, has taken 0: who writes the rest finds out why. */
static void send_parts(const struct job *job)
{
    Py_ssize_t composed = -1;
    for (Py_ssize_t i = 0; i < job->count; i++) {
        struct part *part = &job->parts[i];
        if (part->taken < 0)
            continue;
        size_t length = compose(job, part, part->length != composed);
        ssize_t taken;
        composed = part->length;
        do
            taken = send(part->descriptor, job->message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (taken < 0 && errno == EINTR);
        part->taken = taken < 0 ? 0 : taken;
    }
}

static PyObject *list_short(const struct job *job)
{
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found != NULL && i < job->count; i++) {
        const struct part *part = &job->parts[i];
        if (part->taken == DONE || part->taken == job->around_length + job->around_count * part->length)
            continue;
        PyObject *pair = Py_BuildValue("(nn)", job->start + i, part->taken);
        if (pair == NULL || PyList_Append(found, pair) != 0)
            Py_CLEAR(found);
        Py_XDECREF(pair);
    }
    return found;
}

static int read_arounds(struct job *job, PyObject *list)
{
    for (Py_ssize_t i = 0; i < job->around_count; i++) {
        struct around *around = &job->arounds[i];
        PyObject *pair = PyList_GetItem(list, i);
        if (!PyArg_ParseTuple(pair, "y#y#", &around->head, &around->head_length, &around->end, &around->end_length))
            return -1;
        job->around_length += around->head_length + around->end_length;
    }
    return 0;
}

static PyObject *send_all(struct job *job, PyObject *arounds)
{
    PyObject *found = NULL;
    job->around_count = PyList_Size(arounds);
    job->arounds = PyMem_Malloc((size_t)job->around_count * sizeof *job->arounds + 1);
    job->parts = PyMem_Malloc((size_t)job->count * sizeof *job->parts + 1);
    if (job->arounds == NULL || job->parts == NULL) {
        PyErr_NoMemory();
    } else if (read_arounds(job, arounds) == 0 && read_parts(job) == 0) {
        job->message = PyMem_Malloc((size_t)(job->around_length + job->around_count * job->longest) + 1);
        if (job->message == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS
            send_parts(job);
            Py_END_ALLOW_THREADS
            found = list_short(job);
        }
    }
    PyMem_Free(job->message);
    PyMem_Free(job->parts);
    PyMem_Free(job->arounds);
    return found;
}

static PyObject *scatter(PyObject *module, PyObject *arguments)
{
    struct job job = {.socket = ((struct state *)PyModule_GetState(module))->socket};
    PyObject *arounds, *found = NULL;
    Py_ssize_t stop;
    Py_buffer done;
    if (!PyArg_ParseTuple(arguments, "O!O!nnz*O!LL", &PyList_Type, &job.sockets, &PyList_Type, &job.tails, &job.start,
                          &stop, &done, &PyList_Type, &arounds, &job.round, &job.offset))
        return NULL;
    job.done = done.buf;
    job.count = stop - job.start;
    if (PyList_Size(job.tails) != PyList_Size(job.sockets))
        PyErr_SetString(PyExc_ValueError, "there must be as many tails as sockets");
    else if (job.start < 0 || job.count < 0 || stop > PyList_Size(job.sockets) || (job.done != NULL && stop > done.len))
        PyErr_SetString(PyExc_ValueError, "the places must be some of those of the sockets");
    else
        found = send_all(&job, arounds);
    PyBuffer_Release(&done);
    return found;
}

static PyObject *new_socket(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct socket *socket = (struct socket *)allocate(type, 0);
    (void)arguments;
    (void)keywords;
    if (socket != NULL)
        socket->descriptor = socket->fast_round = -1;
    return (PyObject *)socket;
}

static void free_socket(PyObject *socket)
{
    PyTypeObject *type = Py_TYPE(socket);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(socket);
    Py_DECREF(type);
}

static PyMemberDef socket_members[] = {
    {"descriptor", T_INT, offsetof(struct socket, descriptor), 0, NULL},
    {"fast_round", T_INT, offsetof(struct socket, fast_round), 0, NULL},
    {"sent", T_LONGLONG, offsetof(struct socket, sent), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot socket_slots[] = {
    {Py_tp_new, new_socket},
    {Py_tp_dealloc, free_socket},
    {Py_tp_members, socket_members},
    {0, NULL},
};

static PyType_Spec socket_specification = {
    "tidewire.realtime.receivers._scatter.SocketState", sizeof(struct socket), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, socket_slots,
};

static int fill(PyObject *module)
{
    struct state *state = PyModule_GetState(module);
    state->socket = (PyTypeObject *)PyType_FromSpec(&socket_specification);
    return state->socket == NULL ? -1 : PyModule_AddObjectRef(module, "SocketState", (PyObject *)state->socket);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(((struct state *)PyModule_GetState(module))->socket);
    return 0;
}

static int clear(PyObject *module)
{
    Py_CLEAR(((struct state *)PyModule_GetState(module))->socket);
    return 0;
}

static PyMethodDef methods[] = {
    {"scatter", scatter, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_scatter", NULL, sizeof(struct state), methods, slots, traverse, clear, NULL,
};

PyMODINIT_FUNC PyInit__scatter(void)
{
    return PyModuleDef_Init(&definition);
}
