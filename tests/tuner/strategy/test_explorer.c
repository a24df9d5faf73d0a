/* What every strategy promises, on made-up spaces. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "tuner/strategy/abroad.h"
#include "tuner/strategy/explorer.h"

static vlt_error err;

static void add(vlt_domain *domain, const char *name, int count)
{
    vlt_scalar values[32];
    for (int i = 0; i < count; i++) {
        values[i] = vlt_scalar_integer(i);
    }
    cr_assert_eq(vlt_domain_add(domain, name, values, count, VLT_ORDER_AUTO, &err), VLT_OK);
}

/* 12 x 10 x 3 x 2 less a third of it: some 460 settings. */
static vlt_domain *make(void)
{
    vlt_domain *domain;
    vlt_expression *constraint;
    cr_assert_eq(vlt_domain_create("toy", &domain, &err), VLT_OK);
    add(domain, "a", 12);
    add(domain, "b", 10);
    add(domain, "c", 3);
    add(domain, "d", 2);
    cr_assert_eq(vlt_expression_parse("(a + b) % 3 != 0", "it", &constraint, &err), VLT_OK);
    cr_assert_eq(vlt_domain_add_constraint(domain, constraint, &err), VLT_OK);
    cr_assert_eq(vlt_domain_build(domain, &err), VLT_OK);
    return domain;
}

/* A valley with a step; a region that fails. */
static double cost_of(const vlt_domain *domain, uint64_t setting)
{
    uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
    vlt_domain_digits(domain, setting, digits);
    double a = digits[0] - 8.0, b = digits[1] - 3.0;
    if (digits[0] == 0 && digits[3]) {
        return INFINITY;
    }
    return 0.02 * a * a + 0.03 * b * b + 0.1 * (digits[2] != 1) + 0.2 * digits[3] * (b > 0);
}

static double lowest(const vlt_domain *domain)
{
    double best = INFINITY;
    for (uint64_t i = 0; i < vlt_domain_count(domain); i++) {
        best = fmin(best, cost_of(domain, i));
    }
    return best;
}

static vlt_explorer *start(const vlt_domain *domain, const char *strategy, uint64_t seed)
{
    const vlt_explorer_options options = {.strategy = strategy, .seed = seed};
    vlt_explorer *explorer;
    cr_assert_eq(vlt_explorer_create(domain, &options, &explorer, &err), VLT_OK, "%s", err.message);
    return explorer;
}

static bool step(vlt_explorer *explorer, const vlt_domain *domain, uint64_t *setting)
{
    vlt_proposal proposal;
    bool any;
    cr_assert_eq(vlt_explorer_ask(explorer, &proposal, &any, &err), VLT_OK, "%s", err.message);
    if (any) {
        cr_assert_not(proposal.again);
        *setting = proposal.setting;
        cr_assert_eq(vlt_explorer_tell(explorer, *setting, cost_of(domain, *setting), &err),
                     VLT_OK);
    }
    return any;
}

/* Every setting once, then none; the best known is the lowest cost told, at every step. */
Test(explorer, asks_every_setting_once)
{
    vlt_domain *domain = make();
    for (int s = 0; vlt_strategy_name(s); s++) {
        vlt_explorer *explorer = start(domain, vlt_strategy_name(s), 5);
        uint64_t count = 0, setting, best_setting;
        bool *seen = calloc(vlt_domain_count(domain), sizeof *seen);
        double best = INFINITY, cost;
        while (step(explorer, domain, &setting)) {
            cr_assert_lt(setting, vlt_domain_count(domain));
            cr_assert_not(seen[setting], "%s asks twice", vlt_strategy_name(s));
            seen[setting] = true;
            best = fmin(best, cost_of(domain, setting));
            cr_assert_eq(vlt_explorer_best(explorer, &best_setting, &cost), isfinite(best));
            cr_assert(!isfinite(best) || (cost == best && cost_of(domain, best_setting) == best));
            count++;
        }
        cr_assert_eq(count, vlt_domain_count(domain), "%s", vlt_strategy_name(s));
        cr_assert_eq(best, lowest(domain));
        cr_assert_eq(vlt_explorer_hope(explorer), 0);
        free(seen);
        vlt_explorer_destroy(explorer);
    }
    vlt_domain_destroy(domain);
}

Test(explorer, equal_seeds_equal_proposals)
{
    vlt_domain *domain = make();
    for (int s = 0; vlt_strategy_name(s); s++) {
        vlt_explorer *a = start(domain, vlt_strategy_name(s), 7);
        vlt_explorer *b = start(domain, vlt_strategy_name(s), 7);
        vlt_explorer *other = start(domain, vlt_strategy_name(s), 8);
        bool differs = false;
        for (int i = 0; i < 120; i++) {
            uint64_t x, y, z;
            step(a, domain, &x);
            step(b, domain, &y);
            step(other, domain, &z);
            cr_assert_eq(x, y, "%s at %d", vlt_strategy_name(s), i);
            differs = differs || x != z;
        }
        cr_assert(differs, "%s ignores the seed", vlt_strategy_name(s));
        vlt_explorer_destroy(a);
        vlt_explorer_destroy(b);
        vlt_explorer_destroy(other);
    }
    vlt_domain_destroy(domain);
}

/* Cost of the best after so many proposals, mean over seeds. */
static double found(const vlt_domain *domain, const char *strategy, int proposals)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        vlt_explorer *explorer = start(domain, strategy, seed);
        uint64_t setting;
        double cost = 1;
        for (int i = 0; i < proposals; i++) {
            step(explorer, domain, &setting);
        }
        vlt_explorer_best(explorer, &setting, &cost);
        sum += cost / 20;
        vlt_explorer_destroy(explorer);
    }
    return sum;
}

/* Whatever searches finds more than draws do, and the default much more. */
Test(explorer, searching_pays)
{
    vlt_domain *domain = make();
    double drawn = found(domain, "random", 60);
    for (int s = 0; vlt_strategy_name(s); s++) {
        if (strcmp(vlt_strategy_name(s), "random") != 0) {
            cr_expect_lt(found(domain, vlt_strategy_name(s), 60), drawn, "%s",
                         vlt_strategy_name(s));
        }
    }
    cr_expect_lt(found(domain, "auto", 60), lowest(domain) + 0.02);
    vlt_domain_destroy(domain);
}

/* Where everything fails, every setting is still asked once and there is no best. */
Test(explorer, failures_alone)
{
    vlt_domain *domain = make();
    for (int s = 0; vlt_strategy_name(s); s++) {
        vlt_explorer *explorer = start(domain, vlt_strategy_name(s), 3);
        vlt_proposal proposal;
        bool any = true;
        uint64_t count = 0, setting;
        double cost;
        for (; vlt_explorer_ask(explorer, &proposal, &any, &err) == VLT_OK && any; count++) {
            cr_assert_eq(vlt_explorer_tell(explorer, proposal.setting, INFINITY, &err), VLT_OK);
        }
        cr_assert_eq(count, vlt_domain_count(domain));
        cr_assert_not(vlt_explorer_best(explorer, &setting, &cost));
        vlt_explorer_destroy(explorer);
    }
    vlt_domain_destroy(domain);
}

/* A setting that failed once is never the best again; the one before it comes back. */
Test(explorer, a_failure_stays)
{
    vlt_domain *domain = make();
    vlt_explorer *explorer = start(domain, "random", 1);
    uint64_t best;
    double cost;
    cr_assert_eq(vlt_explorer_tell(explorer, 10, 0.5, &err), VLT_OK);
    cr_assert_eq(vlt_explorer_tell(explorer, 20, 0.2, &err), VLT_OK);
    cr_assert(vlt_explorer_best(explorer, &best, &cost) && best == 20);
    cr_assert_eq(vlt_explorer_tell(explorer, 20, INFINITY, &err), VLT_OK);
    cr_assert(vlt_explorer_best(explorer, &best, &cost) && best == 10 && cost == 0.5);
    cr_assert_eq(vlt_explorer_tell(explorer, 20, 0.1, &err), VLT_OK);
    cr_assert(vlt_explorer_best(explorer, &best, &cost) && best == 10);
    vlt_explorer_destroy(explorer);
    vlt_domain_destroy(domain);
}

/* Told trials of an earlier run are not asked again. */
Test(explorer, told_before_it_is_asked)
{
    vlt_domain *domain = make();
    vlt_explorer *explorer = start(domain, "auto", 1);
    uint64_t setting, half = vlt_domain_count(domain) / 2, count = 0;
    for (uint64_t i = 0; i < half; i++) {
        cr_assert_eq(vlt_explorer_tell(explorer, i, cost_of(domain, i), &err), VLT_OK);
    }
    for (; step(explorer, domain, &setting); count++) {
        cr_assert_geq(setting, half);
    }
    cr_assert_eq(count, vlt_domain_count(domain) - half);
    vlt_explorer_destroy(explorer);
    vlt_domain_destroy(domain);
}

/* With noise, what looks best is measured again, and a lucky measurement loses to the mean. */
Test(explorer, labels_are_refreshed)
{
    vlt_domain *domain = make();
    const vlt_explorer_options options = {.strategy = "random", .seed = 2, .noise = 0.1};
    vlt_explorer *explorer;
    vlt_random random = {9};
    cr_assert_eq(vlt_explorer_create(domain, &options, &explorer, &err), VLT_OK);
    uint64_t lucky = 0, best;
    double cost;
    int again = 0;
    cr_assert_eq(vlt_explorer_tell(explorer, lucky, -5, &err), VLT_OK);
    for (int i = 0; i < 200; i++) {
        vlt_proposal proposal;
        bool any;
        cr_assert_eq(vlt_explorer_ask(explorer, &proposal, &any, &err), VLT_OK);
        again += proposal.again;
        cr_assert_eq(proposal.again,
                     vlt_history_find(vlt_explorer_history(explorer), proposal.setting) != NULL);
        double noise = 0.1 * ((double)vlt_random_range(&random, -100, 100) / 60);
        double mean = proposal.setting == lucky ? 1 : cost_of(domain, proposal.setting);
        cr_assert_eq(vlt_explorer_tell(explorer, proposal.setting, mean + noise, &err), VLT_OK);
    }
    cr_assert_gt(again, 8);
    cr_assert_lt(again, 100);
    cr_assert(vlt_explorer_best(explorer, &best, &cost));
    cr_assert_lt(vlt_history_find(vlt_explorer_history(explorer), lucky)->measured, 30);
    vlt_explorer_destroy(explorer);
    vlt_domain_destroy(domain);
}

/* What did well elsewhere is tried early by all, but what is bad here does not stay the best. */
Test(explorer, foreign_settings_come_early)
{
    vlt_domain *domain = make();
    const uint16_t good[] = {8, 3, 1, 0}, bad[] = {1, 9, 2, 1};
    uint64_t list[] = {vlt_domain_find(domain, bad), vlt_domain_find(domain, good)};
    const double costs[] = {0, 0.3};
    const vlt_foreign foreign[] = {{.setting = list, .cost = costs, .count = 2},
                                   {.setting = list + 1, .count = 1}};
    cr_assert(list[0] != VLT_SETTING_NONE && list[1] != VLT_SETTING_NONE);
    for (int s = 0; vlt_strategy_name(s); s++) {
        const vlt_explorer_options options = {
            .strategy = vlt_strategy_name(s), .seed = 4, .foreign = foreign, .foreign_count = 2};
        vlt_explorer *explorer;
        uint64_t setting, best;
        double cost;
        cr_assert_eq(vlt_explorer_create(domain, &options, &explorer, &err), VLT_OK);
        for (int i = 0; i < 2; i++) {
            cr_assert(step(explorer, domain, &setting));
            cr_assert(setting == list[0] || setting == list[1], "%s", vlt_strategy_name(s));
        }
        cr_assert(vlt_explorer_best(explorer, &best, &cost) && best == list[1]);
        vlt_explorer_destroy(explorer);
    }
    vlt_domain_destroy(domain);
}

/* A list that says which settings are good, but not by how much: the model begins with some of
 * them. */
Test(explorer, begins_with_what_is_good_elsewhere)
{
    enum { LISTED = 40, BEGIN = 6 };
    vlt_domain *domain = make();
    uint64_t list[LISTED];
    double ties[LISTED];
    for (int i = 0; i < LISTED; i++) {
        list[i] = vlt_domain_count(domain) * (uint64_t)(2 * i + 1) / (2 * LISTED);
        ties[i] = 1e-4 * i;
    }
    for (int way = 0; way < 2; way++) {
        const vlt_foreign foreign = {.setting = list, .cost = way ? ties : NULL, .count = LISTED};
        const vlt_explorer_options options = {
            .strategy = "model", .seed = 4, .foreign = &foreign, .foreign_count = 1};
        vlt_explorer *explorer;
        cr_assert_eq(vlt_explorer_create(domain, &options, &explorer, &err), VLT_OK);
        for (int i = 0; i < BEGIN; i++) {
            uint64_t setting;
            bool listed = false;
            cr_assert(step(explorer, domain, &setting));
            for (int k = 0; k < LISTED; k++) {
                listed = listed || list[k] == setting;
            }
            cr_expect(listed, "proposal %d", i);
        }
        vlt_explorer_destroy(explorer);
    }
    vlt_domain_destroy(domain);
}

/* What a list of the best lacks is worse than its last; of a list of everything it is not known. */
Test(abroad, what_a_list_lacks)
{
    const uint64_t setting[] = {3, 5};
    const double cost[] = {0, 0.3};
    for (int whole = 0; whole < 2; whole++) {
        const vlt_foreign list = {
            .setting = setting, .cost = cost, .count = 2, .whole = whole != 0};
        vlt_abroad abroad;
        cr_assert_eq(vlt_abroad_init(&abroad, &list, 1, &err), VLT_OK);
        cr_assert_eq(abroad.count, 1);
        cr_expect_float_eq(vlt_abroad_offset(&abroad, 5), 0.3, 1e-12);
        cr_expect_float_eq(vlt_abroad_offset(&abroad, 4), whole ? 0.15 : 0.6, 1e-12);
        vlt_abroad_release(&abroad);
    }
}

/* Several settings may be out at once, and may be told in any order. */
Test(explorer, several_are_out)
{
    vlt_domain *domain = make();
    for (int s = 0; vlt_strategy_name(s); s++) {
        vlt_explorer *explorer = start(domain, vlt_strategy_name(s), 6);
        bool *seen = calloc(vlt_domain_count(domain), sizeof *seen);
        for (int round = 0; round < 30; round++) {
            vlt_proposal out[4];
            bool any;
            for (int i = 0; i < 4; i++) {
                cr_assert_eq(vlt_explorer_ask(explorer, &out[i], &any, &err), VLT_OK);
                cr_assert(any && !seen[out[i].setting]);
                seen[out[i].setting] = true;
            }
            for (int i = 3; i >= 0; i--) {
                cr_assert_eq(vlt_explorer_tell(explorer, out[i].setting,
                                               cost_of(domain, out[i].setting), &err),
                             VLT_OK);
            }
        }
        free(seen);
        vlt_explorer_destroy(explorer);
    }
    vlt_domain_destroy(domain);
}

Test(explorer, unknown_strategies)
{
    vlt_error error = {0};
    cr_expect_eq(vlt_strategy_check("anealing", &error), VLT_STATUS_USAGE);
    cr_expect(strstr(error.message, "'anealing'") && strstr(error.message, "'annealing'"), "%s",
              error.message);
    cr_expect_eq(vlt_strategy_check("auto", &error), VLT_OK);
    cr_expect_str_eq(vlt_strategy_name(0), "auto");
}

/* A space of two settings, and of one parameter with one value. */
Test(explorer, tiny_spaces)
{
    for (int values = 1; values <= 2; values++) {
        vlt_domain *domain;
        cr_assert_eq(vlt_domain_create("tiny", &domain, &err), VLT_OK);
        add(domain, "a", values);
        add(domain, "b", 1);
        cr_assert_eq(vlt_domain_build(domain, &err), VLT_OK);
        for (int s = 0; vlt_strategy_name(s); s++) {
            vlt_explorer *explorer = start(domain, vlt_strategy_name(s), 1);
            vlt_proposal proposal;
            bool any;
            for (int i = 0; i < values; i++) {
                cr_assert_eq(vlt_explorer_ask(explorer, &proposal, &any, &err), VLT_OK);
                cr_assert(any);
                cr_assert_eq(vlt_explorer_tell(explorer, proposal.setting, 0.1 * i, &err), VLT_OK);
            }
            cr_assert_eq(vlt_explorer_ask(explorer, &proposal, &any, &err), VLT_OK);
            cr_assert_not(any);
            vlt_explorer_destroy(explorer);
        }
        vlt_domain_destroy(domain);
    }
}
