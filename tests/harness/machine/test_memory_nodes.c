/* Which NUMA nodes memory is wished on, on replayed machines; and what this one makes of a wish. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/machine/memory_nodes.h"
#include "tests/support/data.h"
#include "tests/support/mappings.h"

static vlt_machine *probe(const char *synthetic, const char *xml)
{
    const vlt_machine_sources sources = {
        .synthetic = synthetic, .xml_path = xml ? test_source(xml) : NULL, .no_gpu = true};
    vlt_machine *machine = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_machine_probe(&sources, &machine, &err), VLT_OK, "%s", err.message);
    return machine;
}

static vlt_cpu_set cpus(int first, int last)
{
    vlt_cpu_set set = {{0}};
    for (int cpu = first; cpu <= last; cpu++) {
        vlt_cpu_set_add(&set, cpu);
    }
    return set;
}

static void expect_set(const vlt_cpu_set *set, const char *expected, const char *of)
{
    char text[128];
    vlt_cpu_set_format(set, text, sizeof text);
    cr_expect_str_eq(text, expected, "%s: '%s', expected '%s'", of, text, expected);
}

Test(memory_nodes, of_replayed_machines)
{
    static const struct {
        const char *synthetic, *xml;
        int first, last; /* CPUs of the threads */
        const char *all, *near;
    } cases[] = {
        {"pack:1 [numa(memory=8GiB)] core:4 pu:2", NULL, 0, 7, "0", "0"},
        {"pack:1 core:2 pu:1", NULL, 0, 1, "0", "0"},
        {"pack:2 [numa(memory=8GiB)] core:4 pu:1", NULL, 0, 3, "0-1", "0"},
        {"pack:2 [numa(memory=8GiB)] core:4 pu:1", NULL, 4, 7, "0-1", "1"},
        {"pack:2 [numa(memory=8GiB)] core:4 pu:1", NULL, 3, 5, "0-1", "1"},
        {"pack:2 [numa(memory=8GiB)] core:4 pu:1", NULL, 0, 7, "0-1", "0"}, /* equal: the first */
        {"pack:4 [numa(memory=8GiB)] core:2 pu:1", NULL, 5, 6, "0-3", "2"},
        {"pack:4 [numa(memory=8GiB)] core:2 pu:1", NULL, 5, 7, "0-3", "3"},
        {"pack:2 numa:2(memory=8GiB) core:2 pu:1", NULL, 6, 7, "0-3", "3"},
        {NULL, "tests/harness/machine/topologies/second-node.xml", 4, 7, "1", "1"},
        {NULL, "tests/harness/machine/topologies/second-node.xml", 0, 3, "1", ""},
        {NULL, "tests/harness/machine/topologies/two-of-four-nodes.xml", 2, 6, "1,3", "1"},
        {NULL, "tests/harness/machine/topologies/two-of-four-nodes.xml", 6, 7, "1,3", "3"},
        {NULL, "tests/harness/machine/topologies/hybrid.xml", 0, 7, "0", "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].synthetic ? cases[i].synthetic : cases[i].xml;
        vlt_machine *machine = probe(cases[i].synthetic, cases[i].xml);
        const vlt_cpu_set threads = cpus(cases[i].first, cases[i].last);
        const vlt_cpu_set all = vlt_machine_all_nodes(machine);
        const vlt_cpu_set near = vlt_machine_near_node(machine, &threads);
        expect_set(&all, cases[i].all, name);
        expect_set(&near, cases[i].near, name);
        cr_expect_eq(machine->caps.node_count, vlt_cpu_set_count(&all));
        cr_expect_not(machine->can_place, "%s is replayed", name);
        vlt_machine_destroy(machine);
    }
}

/* hwloc would say yes and do nothing. */
Test(memory_nodes, of_a_replayed_machine_are_not_bound)
{
    vlt_machine *machine = probe("pack:2 [numa(memory=8GiB)] core:1 pu:1", NULL);
    const vlt_cpu_set all = vlt_machine_all_nodes(machine);
    vlt_memory_nodes *nodes;
    vlt_error err = {0};
    cr_expect_eq(vlt_memory_nodes_create(machine, &all, true, &nodes, &err),
                 VLT_STATUS_UNSUPPORTED);
    cr_expect(strstr(err.message, "replayed"), "%s", err.message);
    cr_expect_null(nodes);
    vlt_machine_destroy(machine);
}

enum { BYTES = 1 << 20 };

/* Pages of our own carry the wish; those of a file are read under it, by a thread that keeps it. */
Test(memory_nodes, of_this_machine_are_wished_for)
{
    char path[] = "/tmp/vltune-nodes-XXXXXX", line[512];
    static const char *const policies[] = {"prefer", "interleave"};
    vlt_machine *machine = probe(NULL, NULL);
    const vlt_cpu_set all = vlt_machine_all_nodes(machine);
    int file = mkstemp(path);
    unlink(path);
    cr_assert(file >= 0 && ftruncate(file, BYTES) == 0);
    for (int interleave = 0; interleave < 2 && machine->can_place; interleave++) {
        vlt_memory_nodes *nodes;
        cr_assert_eq(vlt_memory_nodes_create(machine, &all, interleave, &nodes, NULL), VLT_OK);
        unsigned char *own = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                  -1, 0);
        const unsigned char *mapped = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, file, 0);
        vlt_memory_nodes_bind(nodes, own, BYTES);
        memset(own, 1, BYTES);
        vlt_memory_nodes_read(nodes, mapped + 100, BYTES - 100);
        if (vlt_memory_nodes_refused(nodes) || !test_mapping_policy(own, line, sizeof line)) {
            test_skip("the system refuses to bind memory");
        } else {
            cr_expect(strstr(line, policies[interleave]), "%s", line);
            cr_expect_eq(test_mapping_bytes(mapped, "Rss:"), BYTES, "read whole");
            unsigned char *mine = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(mine, 1, BYTES);
            cr_assert(test_mapping_policy(mine, line, sizeof line));
            cr_expect(strstr(line, " default "), "the caller's wishes are its own: %s", line);
            munmap(mine, BYTES);
        }
        munmap((void *)mapped, BYTES);
        munmap(own, BYTES);
        vlt_memory_nodes_destroy(nodes);
    }
    close(file);
    vlt_machine_destroy(machine);
}
