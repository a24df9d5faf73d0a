/* registry.h: the catalogue (variants.def, as far as it is built) as tables. Immutable, so any
 * thread may read it. */
#ifndef VLT_CORE_REGISTRY_H
#define VLT_CORE_REGISTRY_H

#include "optimizations/core/need.h"
#include "optimizations/core/variant.h"

/* Operators in the catalogue's order. */
int vlt_registry_op_count(void);
const vlt_op *vlt_registry_op(int index);
const vlt_op *vlt_registry_find_op(const char *name); /* NULL when there is none */

/* The same; where there is none, err is USAGE with the name and the nearest one there is. */
const vlt_op *vlt_registry_require_op(const char *name, vlt_error *err);

/* Variants of an operator; index 0 is the baseline, the others stand in order of preference. */
int vlt_registry_variant_count(const vlt_op *op);
const vlt_variant *vlt_registry_variant(const vlt_op *op, int index);
const vlt_variant *vlt_registry_find_variant(const vlt_op *op, const char *name);

/* VLT_ISA_* bits a variant's code needs, from its line in the catalogue. */
uint32_t vlt_registry_needs(const vlt_variant *variant);

/* What it needs beside them, from the same line. */
vlt_need vlt_registry_need(const vlt_variant *variant);

/* "AVX2", "device", "OpenBLAS" ... or "-"; static text. */
const char *vlt_registry_needs_name(const vlt_variant *variant);

/* May the variant do the problem here? Checks ISA and need, then the variant's own word. reason
 * (VLT_REASON_BYTES, may be NULL) is filled on false. */
bool vlt_registry_applicable(const vlt_variant *variant, const vlt_problem *problem,
                             const vlt_caps *caps, char *reason);

/* And with these values of its knobs? Checks the above, then what the variant says of them. */
bool vlt_registry_usable(const vlt_variant *variant, const vlt_problem *problem,
                         const vlt_caps *caps, const vlt_binding *binding, char *reason);

/* The largest quality, at most `quality`, of which a variant exists whose ISA this machine has:
 * what a permission comes down to here. */
vlt_quality vlt_registry_quality(vlt_quality quality, const vlt_caps *caps);

/* What the variant's run of the problem costs. */
void vlt_variant_cost(const vlt_variant *variant, const vlt_problem *problem, vlt_cost *cost);

/* The bench shape that is called the first `length` characters of name; NULL: none is. */
const vlt_shape *vlt_registry_find_shape(const vlt_op *op, const char *name, size_t length);

/* Binds "knob=value knob=value" (or comma-separated) over the defaults; text may be NULL. USAGE
 * names the unknown knob or the value that is not among the allowed ones. */
vlt_status vlt_binding_parse(const vlt_variant *variant, const char *text, vlt_binding *binding,
                             vlt_error *err);

/* The same over what *binding has; bit i of *given is set for a knob i that the text names. */
vlt_status vlt_binding_parse_over(const vlt_variant *variant, const char *text,
                                  vlt_binding *binding, uint32_t *given, vlt_error *err);
void vlt_binding_defaults(const vlt_variant *variant, vlt_binding *binding);

/* "strip=64 threads=2" into text; empty for a variant without knobs. */
void vlt_binding_format(const vlt_variant *variant, const vlt_binding *binding, char *text,
                        size_t text_bytes);

/* Place of a knob by name; -1 where the variant has none of that name. */
int vlt_variant_knob_index(const vlt_variant *variant, const char *knob);

/* The values of a knob that are worth trying on this machine, ascending: where the variant does not
 * offer it here, its default alone, and reason (VLT_REASON_BYTES, may be NULL) says why; else that
 * is empty. */
vlt_knob_list vlt_variant_knob_values(const vlt_variant *variant, int index, const vlt_caps *caps,
                                      char *reason);

/* Value of a knob by name; the variant must have it. */
int64_t vlt_binding_value(const vlt_variant *variant, const vlt_binding *binding, const char *knob);

/* Reads "OP/VARIANT[@DIM=N,...][:KNOB=V,...]" into problem (the op's first bench shape where no
 * dimension is given), variant and binding. */
vlt_status vlt_registry_parse(const char *text, vlt_problem *problem, const vlt_variant **variant,
                              vlt_binding *binding, vlt_error *err);

/* One that begins with `name`, else the nearest of the names to it by edit distance, or NULL when
 * none is near. */
const char *vlt_nearest_name(const char *name, const char *const *names, int count);

#endif
