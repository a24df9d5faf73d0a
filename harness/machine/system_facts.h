/* system_facts.h: kernel, hypervisor, governor and the like: what makes the soft key. */
#ifndef VLT_HARNESS_SYSTEM_FACTS_H
#define VLT_HARNESS_SYSTEM_FACTS_H

#include "harness/machine/machine.h"

/* `root` stands before /proc and /sys. What cannot be read stays empty or -1. */
void vlt_system_facts_read(const char *root, vlt_machine_system *facts);

/* Does this word for huge pages, of vlt_machine_system, mean that who asks gets large ones? */
bool vlt_system_gives_large_pages(const char *huge_pages);

/* The word alone; empty where it cannot be read. */
void vlt_system_huge_pages(const char *root, char *word, size_t word_bytes);

#endif
