/* papi_library.h: PAPI, loaded when counters are opened and not before.
 *
 * Nothing but counting needs it, and it brings libpfm, whose tables of events are 2 MB to relocate
 * for every process: each request and each launch of a measurement is one.
 */
#ifndef VLT_HARNESS_PAPI_LIBRARY_H
#define VLT_HARNESS_PAPI_LIBRARY_H

/* X(result, name without PAPI_, arguments) */
#define VLT_PAPI_MAP(X)                                        \
    X(int, is_initialized, (void))                             \
    X(int, library_init, (int version))                        \
    X(int, thread_init, (unsigned long (*id)(void)))           \
    X(int, register_thread, (void))                            \
    X(int, create_eventset, (int *set))                        \
    X(int, cleanup_eventset, (int set))                        \
    X(int, destroy_eventset, (int *set))                       \
    X(int, add_named_event, (int set, const char *name))       \
    X(int, remove_event, (int set, int event))                 \
    X(int, event_name_to_code, (const char *name, int *event)) \
    X(int, start, (int set))                                   \
    X(int, stop, (int set, long long *values))                 \
    X(char *, strerror, (int code))

typedef struct vlt_papi_library {
#define VLT_PAPI_MEMBER(result, name, arguments) result(*name) arguments;
    VLT_PAPI_MAP(VLT_PAPI_MEMBER)
#undef VLT_PAPI_MEMBER
} vlt_papi_library;

/* Of the version that this build's papi.h describes; stays loaded to the end of the process. NULL:
 * it is not installed here, or has a function less. Any thread. */
const vlt_papi_library *vlt_papi_library_open(void);

/* "libpapi.so.7.0" */
const char *vlt_papi_library_name(void);

#endif
