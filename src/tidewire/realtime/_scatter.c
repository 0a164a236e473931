/*
 * One message after the other to sockets: the innermost loop of fan-out. `scatter.py` says what it does.
 *
 * The kernel takes some microseconds for a message, and the interpreter would add a fifth to it. While this loop
 * runs, the interpreter is free for the database's threads.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct part {
    int descriptor;
    const char *tail;
    Py_ssize_t length;
    Py_ssize_t taken;
};

static int read_parts(struct part *parts, Py_ssize_t count, PyObject *descriptors, PyObject *tails, Py_ssize_t *longest)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        long descriptor = PyLong_AsLong(PyList_GetItem(descriptors, i));
        if (descriptor == -1 && PyErr_Occurred())
            return -1;
        char *tail;
        if (PyBytes_AsStringAndSize(PyList_GetItem(tails, i), &tail, &parts[i].length) != 0)
            return -1;
        parts[i].descriptor = (int)descriptor;
        parts[i].tail = tail;
        if (parts[i].length > *longest)
            *longest = parts[i].length;
    }
    return 0;
}

/* Whole, in `message` behind the head, or as it is where there is nothing around it. */
static const char *assemble(const struct part *part, char *message, Py_ssize_t head, const Py_buffer *end)
{
    if (head + end->len == 0)
        return part->tail;
    memcpy(message + head, part->tail, (size_t)part->length);
    memcpy(message + head + part->length, end->buf, (size_t)end->len);
    return message;
}

/* A socket that takes nothing, for whatever reason, has taken 0: who writes the rest finds out why. */
static void send_parts(struct part *parts, Py_ssize_t count, char *message, Py_ssize_t head, const Py_buffer *end)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *whole = assemble(&parts[i], message, head, end);
        size_t length = (size_t)(head + parts[i].length + end->len);
        ssize_t taken;
        if (i + 1 < count)
            __builtin_prefetch(parts[i + 1].tail);
        do
            taken = send(parts[i].descriptor, whole, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (taken < 0 && errno == EINTR);
        parts[i].taken = taken < 0 ? 0 : taken;
    }
}

static PyObject *list_short(const struct part *parts, Py_ssize_t count, Py_ssize_t around)
{
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found != NULL && i < count; i++) {
        if (parts[i].taken == around + parts[i].length)
            continue;
        PyObject *pair = Py_BuildValue("(nn)", i, parts[i].taken);
        if (pair == NULL || PyList_Append(found, pair) != 0)
            Py_CLEAR(found);
        Py_XDECREF(pair);
    }
    return found;
}

static PyObject *send_all(PyObject *descriptors, const Py_buffer *head, PyObject *tails, const Py_buffer *end)
{
    Py_ssize_t count = PyList_Size(descriptors), longest = 0;
    PyObject *found = NULL;
    char *message = NULL;
    struct part *parts = PyMem_Malloc((size_t)count * sizeof *parts + 1);
    if (parts == NULL)
        return PyErr_NoMemory();
    if (read_parts(parts, count, descriptors, tails, &longest) == 0) {
        message = PyMem_Malloc((size_t)(head->len + longest + end->len) + 1);
        if (message == NULL) {
            PyErr_NoMemory();
        } else {
            memcpy(message, head->buf, (size_t)head->len);
            Py_BEGIN_ALLOW_THREADS
            send_parts(parts, count, message, head->len, end);
            Py_END_ALLOW_THREADS
            found = list_short(parts, count, head->len + end->len);
        }
    }
    PyMem_Free(message);
    PyMem_Free(parts);
    return found;
}

static PyObject *scatter(PyObject *module, PyObject *arguments)
{
    PyObject *descriptors, *tails, *found = NULL;
    Py_buffer head, end;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O!y*O!y*", &PyList_Type, &descriptors, &head, &PyList_Type, &tails, &end))
        return NULL;
    if (PyList_Size(tails) == PyList_Size(descriptors))
        found = send_all(descriptors, &head, tails, &end);
    else
        PyErr_SetString(PyExc_ValueError, "there must be as many tails as descriptors");
    PyBuffer_Release(&head);
    PyBuffer_Release(&end);
    return found;
}

static PyMethodDef methods[] = {
    {"scatter", scatter, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_scatter", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scatter(void)
{
    return PyModuleDef_Init(&definition);
}
