#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/packs.h"

static atomic_int filled;

static vlt_status fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    (void)err;
    atomic_fetch_add(&filled, 1);
    memcpy(out, request->matrix->data, request->bytes);
    return VLT_OK;
}

static vlt_status fail(const vlt_pack_request *request, void *out, vlt_error *err)
{
    (void)request;
    (void)out;
    return vlt_fail(err, VLT_STATUS_INTERNAL, "planted");
}

static const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static vlt_matrix matrix_with(uint64_t id)
{
    vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, values, 2, 4);
    matrix.id = id;
    return matrix;
}

static const vlt_pack *take(vlt_packs *packs, const vlt_matrix *matrix, const char *kind)
{
    const vlt_pack *pack = NULL;
    vlt_pack_request request = {
        .matrix = matrix, .kind = kind, .bytes = sizeof values, .fill = fill};
    cr_assert_eq(vlt_packs_take(packs, &request, &pack, NULL), VLT_OK);
    return pack;
}

/* Once per weight and arrangement, whoever asks, also while the plans that hold it change. */
Test(packs, are_made_once_and_counted)
{
    vlt_packs *packs = NULL;
    vlt_matrix a = matrix_with(1), b = matrix_with(2);
    cr_assert_eq(vlt_packs_create(NULL, &packs, NULL), VLT_OK);
    const vlt_pack *first = take(packs, &a, "k/1"), *again = take(packs, &a, "k/1");
    const vlt_pack *other = take(packs, &b, "k/1"), *kind = take(packs, &a, "l/1");
    cr_expect_eq(first, again);
    cr_expect_neq(first, other);
    cr_expect_neq(first, kind);
    cr_expect_eq(atomic_load(&filled), 3);
    cr_expect_arr_eq(vlt_pack_data(first), values, sizeof values);
    vlt_packs_stats stats = vlt_packs_look(packs);
    cr_expect_eq(stats.count, 3);
    cr_expect_eq(stats.bytes, 3 * sizeof values);
    vlt_packs_drop(first); /* `again` holds it */
    cr_expect_eq(take(packs, &a, "k/1"), again);
    cr_expect_eq(atomic_load(&filled), 3, "not made again");
    vlt_packs_drop(again);
    vlt_packs_drop(again);
    vlt_packs_drop(other);
    vlt_packs_drop(kind);
    cr_expect_eq(vlt_packs_look(packs).count, 0);
    cr_expect_eq(vlt_packs_look(packs).bytes, 0);
    const vlt_pack *anew = take(packs, &a, "k/1");
    cr_expect_eq(atomic_load(&filled), 4, "made anew after the last one was gone");
    vlt_packs_drop(take(packs, &a, "k/1"));
    vlt_packs_drop(anew);
    vlt_packs_destroy(packs);
}

Test(packs, without_an_id_or_a_store_are_the_takers_own)
{
    vlt_packs *packs = NULL;
    vlt_matrix named = matrix_with(1), nameless = matrix_with(0);
    cr_assert_eq(vlt_packs_create(NULL, &packs, NULL), VLT_OK);
    const vlt_pack *a = take(packs, &nameless, "k/1"), *b = take(packs, &nameless, "k/1");
    const vlt_pack *c = take(NULL, &named, "k/1");
    cr_expect_neq(a, b);
    cr_expect_eq(vlt_packs_look(packs).count, 0);
    vlt_packs_drop(a);
    vlt_packs_drop(b);
    vlt_packs_drop(c);
    vlt_packs_drop(NULL);
    vlt_packs_destroy(packs);
}

Test(packs, a_failed_one_leaves_nothing)
{
    vlt_packs *packs = NULL;
    vlt_matrix a = matrix_with(1);
    vlt_error err = {0};
    const vlt_pack *pack = NULL;
    vlt_pack_request request = {.matrix = &a, .kind = "k/1", .bytes = 8, .fill = fail};
    cr_assert_eq(vlt_packs_create(NULL, &packs, NULL), VLT_OK);
    cr_expect_eq(vlt_packs_take(packs, &request, &pack, &err), VLT_STATUS_INTERNAL);
    cr_expect_null(pack);
    request.bytes = SIZE_MAX; /* less, and a sanitizer ends the test */
    request.fill = fill;
    cr_expect_neq(vlt_packs_take(packs, &request, &pack, &err), VLT_OK);
    cr_expect(strstr(err.message, "k/1"), "%s", err.message);
    cr_expect_eq(vlt_packs_look(packs).count, 0);
    vlt_packs_destroy(packs);
}

static void *take_and_drop(void *packs)
{
    vlt_matrix a = matrix_with(7);
    const vlt_pack *held = take(packs, &a, "held/1");
    for (int i = 0; i < 200; i++) {
        vlt_packs_drop(take(packs, &a, "held/1"));
    }
    return (void *)held;
}

Test(packs, threads_that_ask_together_wait_for_one_maker)
{
    enum { THREADS = 8 };
    pthread_t thread[THREADS];
    vlt_packs *packs = NULL;
    cr_assert_eq(vlt_packs_create(NULL, &packs, NULL), VLT_OK);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&thread[i], NULL, take_and_drop, packs), 0);
    }
    const vlt_pack *pack[THREADS];
    for (int i = 0; i < THREADS; i++) {
        void *held;
        pthread_join(thread[i], &held);
        pack[i] = held;
        cr_expect_eq(pack[i], pack[0]);
    }
    cr_expect_eq(atomic_load(&filled), 1);
    for (int i = 0; i < THREADS; i++) {
        vlt_packs_drop(pack[i]);
    }
    vlt_packs_destroy(packs);
}

/* A shelf in memory that holds one pack. */
static struct shelf {
    char kind[VLT_PACK_KIND_BYTES];
    float data[8];
    int found, kept, unmapped;
} shelf;

static const void *shelf_find(void *user, const vlt_pack_request *request)
{
    struct shelf *s = user;
    bool here = !strcmp(s->kind, request->kind);
    s->found += here;
    return here ? s->data : NULL;
}

static void shelf_unmap(void *user, const void *data, size_t bytes)
{
    struct shelf *s = user;
    cr_expect_eq(data, s->data);
    cr_expect_eq(bytes, sizeof s->data);
    s->unmapped++;
}

static void shelf_keep(void *user, const vlt_pack_request *request, const void *data)
{
    struct shelf *s = user;
    memcpy(s->kind, request->kind, strlen(request->kind) + 1);
    memcpy(s->data, data, sizeof s->data);
    s->kept++;
}

Test(packs, only_lossy_ones_go_to_the_shelf)
{
    const vlt_pack_shelf on = {shelf_find, shelf_unmap, shelf_keep, &shelf};
    vlt_packs *packs = NULL;
    vlt_matrix a = matrix_with(1);
    const vlt_pack *pack = NULL;
    vlt_pack_request request = {.matrix = &a, .kind = "q/1", .bytes = sizeof values, .fill = fill};
    cr_assert_eq(vlt_packs_create(&on, &packs, NULL), VLT_OK);
    cr_assert_eq(vlt_packs_take(packs, &request, &pack, NULL), VLT_OK);
    vlt_packs_drop(pack);
    cr_expect_eq(shelf.kept, 0, "an exact one is not kept");
    request.lossy = true;
    cr_assert_eq(vlt_packs_take(packs, &request, &pack, NULL), VLT_OK);
    vlt_packs_drop(pack);
    cr_expect_eq(shelf.kept, 1);
    cr_assert_eq(vlt_packs_take(packs, &request, &pack, NULL), VLT_OK);
    cr_expect_eq(shelf.found, 1);
    cr_expect_eq(vlt_pack_data(pack), shelf.data);
    cr_expect_eq(vlt_packs_look(packs).mapped, sizeof values);
    cr_expect_eq(atomic_load(&filled), 2);
    vlt_packs_drop(pack);
    cr_expect_eq(shelf.unmapped, 1);
    vlt_packs_destroy(packs);
}

static int bound, visited;

static void bind_pack(void *user, void *pages, size_t bytes)
{
    cr_expect_eq(user, &shelf);
    cr_expect_eq(bytes, 1 << 20);
    memset(pages, 0, bytes);
    bound++;
}

static void visit_pack(void *user, const void *mapped, size_t bytes)
{
    cr_expect_eq(user, &shelf);
    cr_expect_eq(mapped, shelf.data);
    cr_expect_eq(bytes, sizeof shelf.data);
    visited++;
}

static vlt_status fill_large(const vlt_pack_request *request, void *out, vlt_error *err)
{
    (void)err;
    cr_expect_eq(bound, !VLT_ASAN, "before it is filled");
    memset(out, 7, request->bytes);
    return VLT_OK;
}

/* What is made is bound, what is found is visited; what is the taker's own is neither. */
Test(packs, follow_a_policy_of_memory)
{
    enum { LARGE = 1 << 20 };
    const vlt_pack_shelf on = {shelf_find, shelf_unmap, shelf_keep, &shelf};
    const vlt_memory_policy policy = {.bind = bind_pack, .visit = visit_pack, .user = &shelf};
    vlt_packs *packs = NULL;
    vlt_matrix a = matrix_with(1), nameless = matrix_with(0);
    const vlt_pack *large = NULL, *own = NULL, *found = NULL;
    vlt_pack_request request = {.matrix = &a, .kind = "l/1", .bytes = LARGE, .fill = fill_large};
    cr_assert_eq(vlt_packs_create(&on, &packs, NULL), VLT_OK);
    vlt_packs_follow(packs, &policy);
    cr_assert_eq(vlt_packs_take(packs, &request, &large, NULL), VLT_OK);
    cr_expect_eq(((const unsigned char *)vlt_pack_data(large))[LARGE - 1], 7);
    request.matrix = &nameless;
    cr_assert_eq(vlt_packs_take(packs, &request, &own, NULL), VLT_OK);
    cr_expect_eq(bound, !VLT_ASAN);
    cr_expect_eq(visited, 0);
    memcpy(shelf.kind, "q/1", 4);
    request = (vlt_pack_request){
        .matrix = &a, .kind = "q/1", .bytes = sizeof values, .lossy = true, .fill = fill};
    cr_assert_eq(vlt_packs_take(packs, &request, &found, NULL), VLT_OK);
    cr_expect_eq(visited, 1);
    vlt_packs_drop(large);
    vlt_packs_drop(own);
    vlt_packs_drop(found);
    vlt_packs_destroy(packs);
}

/* Pages of a range that this process has, from its page table. */
static int64_t present_pages(const void *begin, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    FILE *table = fopen("/proc/self/pagemap", "r");
    int64_t present = 0;
    cr_assert_not_null(table);
    cr_assert_eq(fseek(table, (long)((uintptr_t)begin / page * sizeof(uint64_t)), SEEK_SET), 0);
    for (size_t i = 0; i < bytes / page; i++) {
        uint64_t entry;
        cr_assert_eq(fread(&entry, sizeof entry, 1, table), 1);
        present += (entry >> 63) != 0;
    }
    fclose(table);
    return present;
}

/* What a pack was made of leaves memory where a file has it, and can be read again; nothing else
 * goes. */
Test(packs, the_source_in_a_file_leaves_memory)
{
    enum { PAGES = 8 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = PAGES * page;
    FILE *file = tmpfile();
    vlt_packs *packs = NULL;
    cr_assert_not_null(file);
    for (size_t i = 0; i < bytes; i++) {
        fputc((int)(i % 251), file);
    }
    cr_assert_eq(fflush(file), 0);
    unsigned char *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fileno(file), 0);
    cr_assert(map != MAP_FAILED);
    cr_assert_eq(vlt_packs_create(NULL, &packs, NULL), VLT_OK);
    for (int mapped = 0; mapped <= 1; mapped++) {
        /* from the middle of the first page to the middle of the last */
        vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, map + page / 2, PAGES - 1,
                                          (int64_t)(page / sizeof(float)));
        matrix.id = (uint64_t)mapped + 1;
        matrix.mapped = mapped;
        for (size_t i = 0; i < bytes; i++) {
            cr_assert_eq(map[i], i % 251);
        }
        const vlt_pack *pack = take(packs, &matrix, "k/1");
        cr_expect_eq(present_pages(map, bytes), mapped ? 2 : PAGES);
        vlt_packs_drop(pack);
    }
    for (size_t i = 0; i < bytes; i++) {
        cr_assert_eq(map[i], i % 251);
    }
    vlt_packs_destroy(packs);
    munmap(map, bytes);
    fclose(file);
}
