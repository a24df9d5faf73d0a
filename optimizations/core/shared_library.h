/* shared_library.h: functions of a library that is loaded by its first use. */
#ifndef VLT_CORE_SHARED_LIBRARY_H
#define VLT_CORE_SHARED_LIBRARY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/* *member, a pointer to a function, becomes the library's function of that name; false, and NULL:
 * it has none. */
static inline bool vlt_library_member(void *library, const char *name, void *member)
{
    void *symbol = dlsym(library, name);
    memcpy(member, &symbol, sizeof symbol);
    return symbol != NULL;
}

#endif
