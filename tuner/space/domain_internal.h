/* domain_internal.h: what the files of the domain share. */
#ifndef VLT_TUNER_DOMAIN_INTERNAL_H
#define VLT_TUNER_DOMAIN_INTERNAL_H

#include "tuner/space/domain.h"

/* A constraint or condition: an expression, or a rule in C. */
typedef struct vlt_clause {
    vlt_expression *expression; /* owned; NULL: */
    vlt_domain_rule *rule;
    void *user;
    int *parameter; /* owned: by name of the expression, or as the rule says */
    int parameter_count;
    int condition_of; /* the parameter that it makes active; -1: a constraint */
} vlt_clause;

/* Parameters that clauses join. Its settings have keys: digits as those of a number, the first
 * member in front. */
typedef struct vlt_group {
    int *member; /* owned, ascending */
    int member_count;
    uint64_t *key; /* owned, ascending; NULL: every key below `count` */
    uint64_t count;
    uint64_t stride; /* of its index in the number of a setting */
} vlt_group;

struct vlt_domain {
    char *name;
    vlt_parameter parameter[VLT_DOMAIN_PARAMETER_MAX];
    int parameter_count;
    vlt_clause *clause; /* owned */
    int clause_count;
    vlt_group *group; /* owned */
    int group_count;
    uint64_t count;
    int near_max;
};

/* Does the clause hold? The error names the values. */
vlt_status vlt_clause_holds(const vlt_domain *domain, const vlt_clause *clause,
                            const uint16_t *digits, bool *out, vlt_error *err);

/* Are all parameters of a constraint active? It says nothing about other settings. */
bool vlt_clause_applies(const vlt_domain *domain, const vlt_clause *clause, const uint16_t *digits);

#endif
