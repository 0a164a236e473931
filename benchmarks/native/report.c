/* The record as JSON, one object a line; times are microseconds unless named otherwise. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Sorts `values` (microseconds). Percentiles are nearest-rank. */
static void print_series(const char *name, int64_t *values, size_t count)
{
    printf(",\"%s\":", name);
    if (count == 0) {
        printf("null");
        return;
    }
    qsort(values, count, sizeof *values, compare);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    printf("{\"count\":%zu,\"mean\":%.1f,\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"max\":%lld}", count,
           sum / (double)count, (long long)values[(count - 1) / 2], (long long)values[(count * 9 + 9) / 10 - 1],
           (long long)values[(count * 99 + 99) / 100 - 1], (long long)values[count - 1]);
}

static void print_microseconds(const char *name, const uint32_t *microseconds, size_t count)
{
    int64_t *values = allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = microseconds[i];
    print_series(name, values, count);
    free(values);
}

static int64_t to_response(const struct unit *unit) { return (int64_t)(unit->responded - unit->sent); }
static int64_t to_first(const struct unit *unit) { return (int64_t)(unit->first_receipt - unit->sent); }
static int64_t to_last(const struct unit *unit) { return (int64_t)(unit->last_receipt - unit->sent); }
static int64_t first_to_last(const struct unit *unit) { return (int64_t)(unit->last_receipt - unit->first_receipt); }
static int64_t response_to_last(const struct unit *unit) { return (int64_t)(unit->last_receipt - unit->responded); }

static void print_of_units(const char *name, int64_t (*nanoseconds)(const struct unit *))
{
    size_t count = options.requests - options.warm_up;
    int64_t *values = allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = nanoseconds(&record.units[options.warm_up + i]) / 1000;
    print_series(name, values, count);
    free(values);
}

static uint64_t finished(const struct unit *unit)
{
    return unit->last_receipt > unit->responded ? unit->last_receipt : unit->responded;
}

/*
 * The time in which as many units as are measured were finished, up to the last. Units may overtake each other, those
 * of the warm-up too: it begins when as many as the warm-up has are through, whichever they are.
 */
static double measured_seconds(void)
{
    int64_t *times = allocate(options.requests, sizeof *times);
    for (size_t i = 0; i < options.requests; i++)
        times[i] = (int64_t)finished(&record.units[i]);
    qsort(times, options.requests, sizeof *times, compare);
    int64_t start = options.warm_up > 0 ? times[options.warm_up - 1] : (int64_t)record.units[0].sent;
    int64_t end = times[options.requests - 1];
    free(times);
    return (double)(end - start) / 1e9;
}

void report_connected(void)
{
    printf("{\"phase\":\"connected\",\"subscribers\":%zu,\"seconds\":%.6f", options.subscribers,
           (double)(record.connect_ended - record.connect_started) / 1e9);
    print_microseconds("subscribe_time", record.subscribe_times, record.subscribed);
    printf("}\n");
    fflush(stdout);
}

void report_requests(void)
{
    double busy = (double)(cpu_ns() - record.cpu_before) / (double)(now_ns() - record.requests_started);
    printf("{\"phase\":\"requests\",\"requests\":%zu,\"seconds\":%.6f,\"messages\":%zu,\"event_bytes\":%zu,"
           "\"client_busy\":%.3f",
           options.requests - options.warm_up, measured_seconds(), record.receipt_count, record.event_bytes, busy);
    print_of_units("response", to_response);
    if (options.subscribers > 0) {
        print_of_units("first_receipt", to_first);
        print_of_units("last_receipt", to_last);
        print_of_units("first_to_last", first_to_last);
        print_of_units("response_to_last", response_to_last);
    }
    print_microseconds("receipt", record.receipts, record.receipt_count);
    subscribers_print_samples();
    printf("}\n");
    fflush(stdout);
}
