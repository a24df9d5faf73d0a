/* mappings.h: what the kernel says about memory of this process. */
#ifndef VLT_TESTS_MAPPINGS_H
#define VLT_TESTS_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Of the whole process, from /proc/self/statm; aborts where that cannot be read. */
size_t test_resident_bytes(void);

/* What is resident of these whole pages. Not what smaps says of their mapping: the kernel joins
 * neighbours that are alike into one, and tells of both. */
size_t test_touched_bytes(void *pages, size_t bytes);

/* A number of /proc/self/smaps ("AnonHugePages:") in bytes, of the mapping that the address lies
 * in, neighbours that the kernel has joined to it and all; -1 where there is none. */
long long test_mapping_bytes(const void *address, const char *key);

/* Is a flag among "VmFlags:" of that mapping? "nh": no large pages. */
bool test_mapping_has_flag(const void *address, const char *flag);

/* Bytes of address space of all mappings with that flag. */
size_t test_bytes_with_flag(const char *flag);

/* The line of /proc/self/numa_maps of the mapping that begins at the address, or reaches over it;
 * false where the kernel keeps none. */
bool test_mapping_policy(const void *address, char *line, size_t line_bytes);

/* Lines of /proc/self/numa_maps with this policy ("interleave"). */
int test_mappings_with_policy(const char *policy);

#endif
