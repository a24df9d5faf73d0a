/* Preloaded into the program: of the allocations that libjansson asks for, number VLT_SCARCE_AT
 * fails, as where memory runs out; their count goes into the file VLT_SCARCE_COUNT. */
#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes); /* glibc's own, below every interposed malloc */

static uintptr_t code_begin, code_end;
static long count, fail_at = -1;

static int find_jansson(struct dl_phdr_info *info, size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    if (strstr(info->dlpi_name, "libjansson")) {
        for (int i = 0; i < info->dlpi_phnum; i++) {
            uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
                code_begin = begin;
                code_end = begin + info->dlpi_phdr[i].p_memsz;
            }
        }
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("VLT_SCARCE_AT");
    fail_at = at ? strtol(at, NULL, 10) : -1;
    dl_iterate_phdr(find_jansson, NULL);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("VLT_SCARCE_COUNT");
    char text[32];
    int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (file >= 0) {
        int length = snprintf(text, sizeof text, "%ld\n", count);
        ssize_t ignored = write(file, text, (size_t)length);
        (void)ignored;
        close(file);
    }
}

/* Where the program has an allocator of its own for jansson, it is asked, and refused by malloc. */
static json_malloc_t program_malloc;
static _Thread_local int refuse;

static void *count_then_ask(size_t bytes)
{
    refuse = count++ == fail_at;
    void *block = program_malloc(bytes);
    refuse = 0;
    return block;
}

__attribute__((visibility("default"))) void json_set_alloc_funcs(json_malloc_t allocate,
                                                                 json_free_t release)
{
    void *symbol = dlsym(RTLD_NEXT, "json_set_alloc_funcs");
    void (*set)(json_malloc_t, json_free_t);
    memcpy(&set, &symbol, sizeof set);
    program_malloc = allocate;
    set(count_then_ask, release);
}

__attribute__((visibility("default"))) void *malloc(size_t bytes)
{
    if (refuse) {
        return NULL;
    }
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (caller >= code_begin && caller < code_end && count++ == fail_at) {
        return NULL;
    }
    return __libc_malloc(bytes);
}
