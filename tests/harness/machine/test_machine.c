#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/machine/fingerprint.h"
#include "harness/machine/quick_caps.h"
#include "harness/machine/topology.h"
#include "tests/support/data.h"

static vlt_machine *probe(const vlt_machine_sources *sources)
{
    vlt_machine *machine = NULL;
    vlt_error err = {0};
    vlt_status status = vlt_machine_probe(sources, &machine, &err);
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    return machine;
}

Test(machine, this_machine_makes_sense)
{
    vlt_machine *machine = probe(NULL);
    const vlt_caps *caps = vlt_machine_caps(machine);
    cr_assert_not(machine->emulated);
    cr_assert_geq(caps->cpu_count, caps->core_count);
    cr_assert_geq(caps->core_count, 1);
    cr_assert_geq(machine->pu_count, caps->cpu_count);
    cr_assert_eq(vlt_cpu_set_count(&machine->usable), caps->cpu_count);
    cr_assert_geq(vlt_machine_thread_count(machine), 1);
    cr_assert_leq(vlt_machine_thread_count(machine), caps->core_count);
    cr_assert_gt(caps->memory_bytes, 1 << 20);
    cr_assert_leq(caps->memory_bytes, machine->limits.ram_bytes);
    cr_assert(machine->limits.memory_budget_bytes <= machine->limits.available_bytes);
    cr_assert(caps->gpu_count > 0 || *caps->gpu_reason, "no GPU without a reason");
    int cores = 0;
    for (int i = 0; i < machine->kind_count; i++) {
        cores += machine->kind[i].core_count;
    }
    cr_assert_eq(cores, machine->core_count);
    vlt_machine_destroy(machine);
}

Test(machine, kinds_of_a_hybrid_have_their_own_workers)
{
    vlt_machine_sources sources = {
        .xml_path = test_source("tests/harness/machine/topologies/hybrid.xml")};
    vlt_machine *machine = probe(&sources);
    char text[64];
    cr_assert(machine->emulated);
    cr_assert_eq(machine->kind_count, 2);
    cr_assert_str_eq(machine->kind[0].name, "IntelCore");
    cr_assert_eq(machine->kind[0].core_count, 2);
    cr_assert_eq(machine->kind[0].pu_count, 4);
    cr_assert_eq(machine->kind[1].core_count, 4);
    cr_assert_eq(machine->kind[1].pu_count, 4);
    cr_assert_eq(machine->caps.core_count, 6);
    cr_assert_eq(machine->caps.cpu_count, 8);
    cr_assert_eq(machine->caps.l1d_bytes, 49152, "of the fast kind");
    cr_assert_eq(machine->caps.l2_bytes, 1310720);
    cr_assert_eq(machine->gpu_count, 1);
    cr_assert_eq(machine->gpu[0].capability, 61);

    /* fast cores first, then slow ones, siblings last */
    vlt_cpu_set set = vlt_machine_worker_cpus(machine, 2);
    vlt_cpu_set_format(&set, text, sizeof text);
    cr_assert_str_eq(text, "0,2");
    set = vlt_machine_worker_cpus(machine, 6);
    vlt_cpu_set_format(&set, text, sizeof text);
    cr_assert_str_eq(text, "0,2,4-7");
    set = vlt_machine_worker_cpus(machine, 100);
    vlt_cpu_set_format(&set, text, sizeof text);
    cr_assert_str_eq(text, "0-7");
    vlt_machine_destroy(machine);
}

Test(machine, affinity_cuts_what_is_usable)
{
    cpu_set_t old, one;
    cr_assert_eq(sched_getaffinity(0, sizeof old, &old), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &old)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    vlt_machine *machine = probe(NULL);
    sched_setaffinity(0, sizeof old, &old);
    cr_assert_eq(machine->caps.cpu_count, 1);
    cr_assert(vlt_cpu_set_has(&machine->usable, cpu));
    cr_assert_eq(machine->caps.core_count, 1);
    vlt_machine *whole = probe(NULL);
    vlt_fingerprint cut_key, whole_key;
    vlt_fingerprint_make(machine, &cut_key);
    vlt_fingerprint_make(whole, &whole_key);
    cr_assert_str_eq(cut_key.hard, whole_key.hard, "the cpuset is no part of the hard key");
    if (whole->caps.cpu_count > 1) {
        cr_assert_str_neq(cut_key.soft, whole_key.soft);
    }
    vlt_machine_destroy(whole);
    vlt_machine_destroy(machine);
}

Test(machine, topologies_that_cannot_be_loaded_are_named)
{
    vlt_machine *machine;
    vlt_error err = {0};
    vlt_machine_sources wrong = {.synthetic = "pack:x"};
    cr_assert_eq(vlt_machine_probe(&wrong, &machine, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "pack:x"));
    cr_assert_null(machine);
    vlt_machine_sources absent = {.xml_path = "/nowhere/topology.xml"};
    cr_assert_eq(vlt_machine_probe(&absent, &machine, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "/nowhere/topology.xml"));

    /* cut in the middle: hwloc notices only when it loads */
    size_t bytes;
    char *text = test_read_file(test_source("tests/harness/machine/topologies/hybrid.xml"), &bytes);
    char path[] = "/tmp/vltune-topology-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(write(fd, text, bytes / 2) == (ssize_t)(bytes / 2));
    close(fd);
    vlt_machine_sources cut = {.xml_path = path};
    cr_assert_eq(vlt_machine_probe(&cut, &machine, &err), VLT_STATUS_INPUT);
    unlink(path);
    free(text);
}

static atomic_bool stop_load;

static void *load_cpu(void *argument)
{
    uint64_t volatile *sink = argument;
    while (!atomic_load(&stop_load)) {
        *sink += 1;
    }
    return NULL;
}

Test(fingerprint, is_the_same_over_100_runs_under_load_and_growing_memory)
{
    enum { RUNS = 100, STEP = 2 << 20 };
    uint64_t sinks[3] = {0};
    pthread_t threads[3];
    vlt_fingerprint first, next;
    vlt_machine_sources sources = {.no_gpu = true};
    atomic_store(&stop_load, false);
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, load_cpu, &sinks[i]);
    }
    void *grown[RUNS];
    for (int run = 0; run < RUNS; run++) {
        grown[run] = malloc(STEP);
        memset(grown[run], run, STEP);
        vlt_machine *machine = probe(&sources);
        vlt_fingerprint_make(machine, run ? &next : &first);
        vlt_machine_destroy(machine);
        if (run) {
            cr_assert_str_eq(first.hard_text, next.hard_text, "run %d", run);
            cr_assert_str_eq(first.hard, next.hard, "run %d", run);
            cr_assert_str_eq(first.soft_text, next.soft_text, "run %d", run);
            cr_assert_str_eq(first.soft, next.soft, "run %d", run);
        }
    }
    atomic_store(&stop_load, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int run = 0; run < RUNS; run++) {
        free(grown[run]);
    }
}

Test(fingerprint, differs_between_machines_but_not_by_their_memory)
{
    static const char *const synthetic[] = {
        "pack:1 [numa(memory=8GiB)] l3:1(size=6MiB) l2:4(size=256KiB) l1d:1(size=32KiB) core:1 "
        "pu:2",
        "pack:1 [numa(memory=8GiB)] l3:1(size=8MiB) l2:4(size=256KiB) l1d:1(size=32KiB) core:1 "
        "pu:2",
        "pack:1 [numa(memory=8GiB)] l3:1(size=6MiB) l2:4(size=256KiB) l1d:1(size=32KiB) core:1 "
        "pu:1",
        "pack:2 [numa(memory=64GiB)] l3:1 l2:8 core:1 pu:2",
        "pack:2 [numa(memory=64GiB)] l3:2 l2:4 core:1 pu:2",
        "pack:1 [numa] [numa(memory=8GiB)] l3:1 l2:8 core:1 pu:2",
        "pack:1 l2:1 core:2 pu:1",
    };
    enum { MACHINES = sizeof synthetic / sizeof *synthetic };
    vlt_fingerprint key[MACHINES + 1];
    for (int i = 0; i <= MACHINES; i++) {
        vlt_machine_sources sources = {0};
        if (i < MACHINES) {
            sources.synthetic = synthetic[i];
        } else {
            sources.xml_path = test_source("tests/harness/machine/topologies/hybrid.xml");
        }
        vlt_machine *machine = probe(&sources);
        vlt_fingerprint_make(machine, &key[i]);
        vlt_machine_destroy(machine);
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(key[i].hard, key[j].hard, "machines %d and %d", i, j);
        }
    }
    vlt_machine_sources more_memory = {
        .synthetic = "pack:1 [numa(memory=16GiB)] l3:1(size=6MiB) l2:4(size=256KiB) "
                     "l1d:1(size=32KiB) core:1 pu:2"};
    vlt_machine *machine = probe(&more_memory);
    vlt_fingerprint_make(machine, &key[1]);
    cr_assert_str_eq(key[0].hard, key[1].hard);

    /* the model number does not give the ISA, so the ISA is in the key itself */
    uint32_t isa = machine->caps.isa ^ VLT_ISA_AVX2;
    vlt_machine_sources other_isa = more_memory;
    other_isa.isa = &isa;
    vlt_machine *masked = probe(&other_isa);
    vlt_fingerprint_make(masked, &key[2]);
    cr_assert_str_neq(key[1].hard, key[2].hard);
    vlt_machine_destroy(masked);
    vlt_machine_destroy(machine);
}

/* The quick answer is the full one's. */
Test(machine, quick_caps_agree_with_the_probe)
{
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine;
    vlt_caps quick;
    int threads;
    cr_assert_eq(vlt_machine_probe(&sources, &machine, NULL), VLT_OK);
    const vlt_caps *full = vlt_machine_caps(machine);
    vlt_quick_caps(&quick, &threads);
    cr_assert_eq(quick.isa, full->isa);
    cr_assert_eq(quick.cpu_count, full->cpu_count);
    cr_assert_eq(quick.core_count, full->core_count);
    cr_assert_eq(quick.memory_bytes, full->memory_bytes);
    cr_assert_eq(quick.node_count, full->node_count);
    cr_assert_eq(quick.large_pages, full->large_pages);
    cr_assert_eq(threads, vlt_machine_thread_count(machine));
    vlt_machine_destroy(machine);
}
