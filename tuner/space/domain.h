/* domain.h: the settings that a search may try: typed parameters, conditions, constraints.
 *
 * Once built, the settings are numbered 0 to count - 1, so that a uniform draw is a uniform number;
 * number to values, values to number and neighbours take a time that does not grow with the count
 * (but for a binary search). A domain made of parameters falls into groups that no constraint
 * joins; a group is enumerated, their product is not, so that counts far beyond what fits into
 * memory stay exact. A domain may also be a list of settings, as somebody recorded them.
 *
 * A built domain never changes and may be used by several threads.
 */
#ifndef VLT_TUNER_DOMAIN_H
#define VLT_TUNER_DOMAIN_H

#include "tuner/space/expression.h"

enum {
    VLT_DOMAIN_PARAMETER_MAX = 64,
    VLT_DOMAIN_VALUE_MAX = 60000,
    VLT_DOMAIN_TEXT_BYTES = 1024 /* of a formatted setting; longer ones are cut */
};

/* No setting. */
#define VLT_SETTING_NONE UINT64_MAX

typedef struct vlt_domain vlt_domain;

typedef enum vlt_order {
    VLT_ORDER_AUTO, /* more than two numbers are ordered, everything else is not */
    VLT_ORDER_ORDERED,
    VLT_ORDER_UNORDERED
} vlt_order;

/* A parameter; a setting gives each a digit: the index of its value. */
typedef struct vlt_parameter {
    char *name;
    vlt_scalar *value; /* [value_count], all different, ascending */
    int value_count;
    bool ordered;
    int usual; /* the digit that it takes when it becomes active */
} vlt_parameter;

/* `name` stands in messages. */
vlt_status vlt_domain_create(const char *name, vlt_domain **out, vlt_error *err);
void vlt_domain_destroy(vlt_domain *domain); /* NULL is fine */

/* Adds a parameter before building; everything is copied. INPUT: its name was there already, a
 * value stands twice, or there is none. */
vlt_status vlt_domain_add(vlt_domain *domain, const char *name, const vlt_scalar *values, int count,
                          vlt_order order, vlt_error *err);

/* The value that parameter `name` usually has; INPUT where it is none of its values. */
vlt_status vlt_domain_set_usual(vlt_domain *domain, const char *name, const vlt_scalar *value,
                                vlt_error *err);

/* Takes the expression, whatever the status: `name` is active only where it holds; elsewhere the
 * digit is 0 and means nothing. It may name parameters added before `name`. */
vlt_status vlt_domain_add_condition(vlt_domain *domain, const char *name,
                                    vlt_expression *expression, vlt_error *err);

/* Takes the expression, whatever the status: only settings for which it holds belong to the domain,
 * and those for which one of its parameters is not active. INPUT: it names an unknown parameter. */
vlt_status vlt_domain_add_constraint(vlt_domain *domain, vlt_expression *expression,
                                     vlt_error *err);

/* A constraint in C over the digits of `count` parameters (by index); `user` is borrowed for the
 * time of building. */
typedef bool vlt_domain_rule(void *user, const uint16_t *digits);
vlt_status vlt_domain_add_rule(vlt_domain *domain, vlt_domain_rule *rule, void *user,
                               const int *parameters, int count, vlt_error *err);

/* Finds the settings. INPUT: an expression cannot be computed for one of them (named), or none is
 * left. LIMIT: a group has too many. */
vlt_status vlt_domain_build(vlt_domain *domain, vlt_error *err);

/* The settings are the rows of digits[rows][parameters] for which the constraints hold; equal rows
 * count once. Conditions are not looked at. */
vlt_status vlt_domain_build_listed(vlt_domain *domain, const uint16_t *digits, size_t rows,
                                   vlt_error *err);

const char *vlt_domain_name(const vlt_domain *domain);
uint64_t vlt_domain_count(const vlt_domain *domain);
int vlt_domain_parameter_count(const vlt_domain *domain);
const vlt_parameter *vlt_domain_parameter(const vlt_domain *domain, int index);
int vlt_domain_find_parameter(const vlt_domain *domain, const char *name);       /* -1 */
int vlt_parameter_find(const vlt_parameter *parameter, const vlt_scalar *value); /* digit or -1 */

/* Constraints and conditions in the order of their adding: the expression, NULL for a rule in C.
 * *condition_of: the parameter that it makes active, -1 for a constraint. */
int vlt_domain_clause_count(const vlt_domain *domain);
const vlt_expression *vlt_domain_clause(const vlt_domain *domain, int index, int *condition_of);

/* digits[parameters] of a setting, and back: VLT_SETTING_NONE when it does not belong. */
void vlt_domain_digits(const vlt_domain *domain, uint64_t setting, uint16_t *digits);
uint64_t vlt_domain_find(const vlt_domain *domain, const uint16_t *digits);

typedef enum vlt_reach {
    VLT_REACH_STEP, /* the nearest value up and down of an ordered parameter, over holes; any value
                       of another one */
    VLT_REACH_ANY   /* any value of any parameter */
} vlt_reach;

/* Settings that differ from `from` in one parameter (and in those that become active or cease to be
 * by it), in a fixed order. Returns how many, at most vlt_domain_near_max. */
int vlt_domain_near(const vlt_domain *domain, uint64_t from, vlt_reach reach, uint64_t *out);
int vlt_domain_near_max(const vlt_domain *domain);

/* Puts what ceased to be active to 0 and what became active to its usual value, given the digits
 * before the change. */
void vlt_domain_settle(const vlt_domain *domain, const uint16_t *before, uint16_t *digits);

#endif
