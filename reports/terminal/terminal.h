/* terminal.h: a report as people read it in a terminal: one line a fact, aligned, readable without
 * colour; a pipe gets the same text. */
#ifndef VLT_REPORTS_TERMINAL_H
#define VLT_REPORTS_TERMINAL_H

#include <stdio.h>

#include "tuner/report.h"

typedef struct vlt_terminal {
    FILE *stream;
    bool colour;
    int columns; /* width of the lines; 80 or more */
} vlt_terminal;

/* stdout; the width is the terminal's, else COLUMNS, else 100. */
vlt_terminal vlt_terminal_stdout(bool colour);

/* The two lines above the table: machine and model. */
void vlt_terminal_head(const vlt_terminal *terminal, const vlt_report *report);

/* The table, the end-to-end line, the answers, the notes and where the files are. */
void vlt_terminal_result(const vlt_terminal *terminal, const vlt_report *report);

/* "[##########----------]" of `width` cells for a share in 0..1 into text (width + 3 bytes). */
void vlt_terminal_bar(double share, int width, char *text);

#endif
