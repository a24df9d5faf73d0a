/* own_stack.h: the program with a stack that it has room on, whatever `ulimit -s` says. Messages
 * and paths are whole wherever they are, so that calls need more than some shells leave. */
#ifndef VLT_REPORTS_OWN_STACK_H
#define VLT_REPORTS_OWN_STACK_H

/* Runs body(argc, argv), and every thread that it starts, with 8 MiB of stack at least, and gives
 * what it gives: in the caller's thread where that has as much or may get it, else in one of its
 * own. Where there is none to be had, says so on stderr and gives the exit code of USAGE. */
int vlt_on_own_stack(int (*body)(int argc, char **argv), int argc, char **argv);

#endif
