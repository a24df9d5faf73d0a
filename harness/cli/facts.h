/* facts.h: one line a fact, aligned, within 80 columns. */
#ifndef VLT_HARNESS_FACTS_H
#define VLT_HARNESS_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/compiler.h"

/* "label     text", long text wrapped at 80 columns under its own beginning. */
void vlt_facts_print(const char *label, const char *format, ...) VLT_PRINTF(2, 3);

/* "48 KiB", "480 MiB", "23.5 GiB": sizes of memories, which come in powers of two. */
void vlt_facts_size(uint64_t bytes, char *text, size_t text_bytes);

#endif
