/* tokens.h: real vocabularies and golden lines for the tests of text and ids. */
#ifndef VLT_TESTS_TOKENS_H
#define VLT_TESTS_TOKENS_H

#include "harness/json/tree.h"
#include "harness/model/tokenizer.h"

/* A file under VLT_DATA, decompressed by the program xz when its name ends with .xz; malloc'ed,
 * NUL behind. NULL after saying aloud what is missing. */
char *test_read_data(const char *relative, size_t *bytes);

/* The published vocabulary of golden/tokenizer, or NULL after a loud skip. */
vlt_tokenizer *test_real_tokenizer(void);

/* Calls each(user, line number, document root) for every JSON line of a file under VLT_DATA; false
 * after a loud skip. */
bool test_each_line(const char *relative, void (*each)(void *user, int line, const vlt_tree *root),
                    void *user);

/* Array of integers -> malloc'ed ids. */
int32_t *test_ids(const vlt_tree *array, size_t *count);

/* Encodes with the named variant of bpe_encode, or NULL: the one that this machine runs, in a
 * context of its own; malloc'ed ids. */
int32_t *test_encode(const vlt_vocab *vocab, const char *variant, const char *text, size_t bytes,
                     bool no_special, size_t *count);

#endif
