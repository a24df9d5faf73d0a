#include "tests/support/mappings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t test_resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) {
        abort();
    }
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t test_touched_bytes(void *pages, size_t bytes)
{
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    const size_t count = (bytes + page_bytes - 1) / page_bytes;
    unsigned char *held = malloc(count);
    size_t touched = 0;
    if (!held || mincore(pages, bytes, held)) {
        abort();
    }
    for (size_t page = 0; page < count; page++) {
        touched += held[page] & 1;
    }
    free(held);
    return touched * page_bytes;
}

enum { LINE_BYTES = 4096 };

/* Finds the line with the key in the part of smaps about the address. */
static bool find_line(const void *address, const char *key, char *line)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    const unsigned long long at = (uintptr_t)address;
    bool inside = false, found = false;
    while (file && !found && fgets(line, LINE_BYTES, file)) {
        char *end;
        const unsigned long long first = strtoull(line, &end, 16);
        if (*end == '-' && end - line >= 8) {
            inside = first <= at && at < strtoull(end + 1, NULL, 16);
        }
        found = inside && !strncmp(line, key, strlen(key));
    }
    if (file) {
        fclose(file);
    }
    return found;
}

long long test_mapping_bytes(const void *address, const char *key)
{
    char line[LINE_BYTES];
    return find_line(address, key, line) ? 1024 * strtoll(line + strlen(key), NULL, 10) : -1;
}

bool test_mapping_has_flag(const void *address, const char *flag)
{
    char line[LINE_BYTES], wanted[8];
    snprintf(wanted, sizeof wanted, " %s ", flag);
    return find_line(address, "VmFlags:", line) && strstr(line, wanted);
}

size_t test_bytes_with_flag(const char *flag)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[LINE_BYTES], wanted[8];
    size_t bytes = 0, sum = 0;
    snprintf(wanted, sizeof wanted, " %s ", flag);
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, "Size:", 5)) {
            bytes = 1024 * (size_t)strtoull(line + 5, NULL, 10);
        } else if (!strncmp(line, "VmFlags:", 8) && strstr(line, wanted)) {
            sum += bytes;
        }
    }
    if (file) {
        fclose(file);
    }
    return sum;
}

bool test_mapping_policy(const void *address, char *line, size_t line_bytes)
{
    FILE *file = fopen("/proc/self/numa_maps", "r");
    char text[LINE_BYTES];
    bool found = false;
    while (file && fgets(text, sizeof text, file) &&
           strtoull(text, NULL, 16) <= (uintptr_t)address) {
        snprintf(line, line_bytes, "%s", text);
        found = true;
    }
    if (file) {
        fclose(file);
    }
    return found;
}

int test_mappings_with_policy(const char *policy)
{
    FILE *file = fopen("/proc/self/numa_maps", "r");
    char text[LINE_BYTES], wanted[32];
    int count = 0;
    snprintf(wanted, sizeof wanted, " %s", policy);
    while (file && fgets(text, sizeof text, file)) {
        count += strstr(text, wanted) != NULL;
    }
    if (file) {
        fclose(file);
    }
    return count;
}
