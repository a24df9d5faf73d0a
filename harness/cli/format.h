/* format.h: numbers as people read them; every table and page writes them alike. */
#ifndef VLT_HARNESS_FORMAT_H
#define VLT_HARNESS_FORMAT_H

#include <stddef.h>
#include <stdio.h>

/* "9.81 ms", "812 us", "61 ns", "1.92 s"; "-" for NAN. */
void vlt_format_ns(double ns, char *text, size_t text_bytes);

/* "15.8x" with the unit "x": two decimals below 2, one below 100. */
void vlt_format_factor(double factor, const char *unit, char *text, size_t text_bytes);

/* "38 MB", "1.2 GB"; "-" for NAN. */
void vlt_format_bytes(double bytes, char *text, size_t text_bytes);

/* The whole text of a stranger, as vlt_quoted shows its beginning. */
void vlt_format_clean(const char *text, size_t bytes, FILE *stream);

/* Words of text in lines of 78 columns, and a line feed. The first line has `column` columns
 * already (0: it is indented, too); the others begin with `indent` blanks. */
void vlt_format_wrapped(int indent, int column, const char *text, FILE *stream);

#endif
