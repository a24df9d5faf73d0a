/* expression.h: conditions over parameters, as people type them and as T1 files hold them.
 *
 * The language is the common part of C and Python: numbers, 'texts', True and False, parameters by
 * name; + - * / // % ** << >> & | ^ ~; < <= > >= == != in chains (32 <= x * y <= 1024); in and not
 * in with a list; && || ! or and or not; A if C else B; abs min max int float bool round floor ceil
 * sqrt log log2 pow. Numbers compute as in Python: / divides truly, // and % round down, and
 * integers beyond 64 bits become reals. Lists of values may also be range(), list(), sorted(), sums
 * of lists and [E for NAME in LIST if C]. There is nothing else: no assignment, no attribute, no
 * call that could reach outside.
 *
 * Errors are INPUT and begin "NAME: column N: ", counted from 1 in bytes.
 */
#ifndef VLT_TUNER_EXPRESSION_H
#define VLT_TUNER_EXPRESSION_H

#include "optimizations/core/status.h"
#include "tuner/space/scalar.h"

typedef struct vlt_expression vlt_expression;

enum { VLT_EXPRESSION_LIST_MAX = 1 << 16 };

/* Parses a text; `name` stands in messages ("--where", "T1.json: condition 2"). Both are copied. */
vlt_status vlt_expression_parse(const char *text, const char *name, vlt_expression **out,
                                vlt_error *err);
void vlt_expression_destroy(vlt_expression *expression); /* NULL is fine */

const char *vlt_expression_text(const vlt_expression *expression);

/* The parameters that it names, each once, in order of appearance. */
int vlt_expression_name_count(const vlt_expression *expression);
const char *vlt_expression_name(const vlt_expression *expression, int index);

/* The error for parameter number `index`, which is none of `known`: place and nearest name. */
vlt_status vlt_expression_unknown(const vlt_expression *expression, int index,
                                  const char *const *known, int known_count, vlt_error *err);

/* What "A && B && C" asks for one by one: a copy of the part. The whole has at least one. */
int vlt_expression_part_count(const vlt_expression *expression);
vlt_status vlt_expression_part(const vlt_expression *expression, int index, vlt_expression **out,
                               vlt_error *err);

/* Computes with values[name_count], in the order of the names. INPUT: division by zero, a text
 * where a number is needed, a result that is no finite number. A text in *out is borrowed. */
vlt_status vlt_expression_eval(const vlt_expression *expression, const vlt_scalar *values,
                               vlt_scalar *out, vlt_error *err);

/* Is it true: a number other than 0, a text that is not empty? */
vlt_status vlt_expression_true(const vlt_expression *expression, const vlt_scalar *values,
                               bool *out, vlt_error *err);

/* The values of a list without parameters, such as "[32 * i for i in range(1, 32)]". *out is the
 * caller's (free); texts in it are the expression's. INPUT where it is no list, LIMIT where it is
 * longer than VLT_EXPRESSION_LIST_MAX. */
vlt_status vlt_expression_list(const vlt_expression *expression, vlt_scalar **out, int *count,
                               vlt_error *err);

#endif
