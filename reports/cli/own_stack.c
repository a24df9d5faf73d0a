#include "reports/cli/own_stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "optimizations/core/status.h"

enum { STACK_BYTES = 8 << 20 };

struct call {
    int (*body)(int argc, char **argv);
    int argc;
    char **argv;
    int result;
};

static void *run(void *argument)
{
    struct call *call = argument;
    call->result = call->body(call->argc, call->argv);
    return NULL;
}

/* The stack of the first thread grows as far as the limit of the moment. */
static bool raise_limit(struct rlimit limit)
{
    limit.rlim_cur = STACK_BYTES;
    limit.rlim_max = limit.rlim_max < STACK_BYTES ? STACK_BYTES : limit.rlim_max;
    return setrlimit(RLIMIT_STACK, &limit) == 0;
}

/* Of threads that are started from now on; the first one asks of the limit at its start. */
static int set_default(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    error = error ? error : pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Signals go to whoever works: reads that wait shall end. */
static int run_in_thread(struct call *call)
{
    sigset_t all, before;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, call);
    if (!error) {
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        pthread_join(thread, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return error;
}

int vlt_on_own_stack(int (*body)(int argc, char **argv), int argc, char **argv)
{
    struct rlimit limit;
    struct call call = {body, argc, argv, 0};
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= STACK_BYTES) {
        return body(argc, argv);
    }
    int error = set_default();
    if (!error && raise_limit(limit)) {
        return body(argc, argv);
    }
    error = error ? error : run_in_thread(&call);
    if (error) {
        fprintf(stderr,
                "vltune: stacks are limited to %llu kB (ulimit -s), expected %d kB or the memory "
                "for a thread with as much: %s\n",
                (unsigned long long)limit.rlim_cur / 1024, STACK_BYTES / 1024, strerror(error));
        return vlt_status_exit_code(VLT_STATUS_USAGE);
    }
    return call.result;
}
