/* expression_internal.h: the tree of an expression, between the files that make and compute it. */
#ifndef VLT_TUNER_EXPRESSION_INTERNAL_H
#define VLT_TUNER_EXPRESSION_INTERNAL_H

#include "tuner/space/expression.h"

enum { VLT_EXPRESSION_NODE_MAX = 4096, VLT_EXPRESSION_DEPTH_MAX = 200 };

typedef enum vlt_node_kind {
    VLT_NODE_VALUE,
    VLT_NODE_NAME,   /* `name` */
    VLT_NODE_UNARY,  /* `token`: + - ~ */
    VLT_NODE_BINARY, /* `token` */
    VLT_NODE_NOT,
    VLT_NODE_AND, /* two operands */
    VLT_NODE_OR,
    VLT_NODE_COMPARE, /* a chain; every operand but the first has its `relation` */
    VLT_NODE_IF,      /* condition, then, else */
    VLT_NODE_CALL,    /* `function`, arguments */
    VLT_NODE_LIST,    /* elements */
    VLT_NODE_FOR      /* element, list, then the condition or nothing; `name` is the variable */
} vlt_node_kind;

typedef enum vlt_token {
    VLT_TOKEN_END,
    VLT_TOKEN_NUMBER,
    VLT_TOKEN_TEXT,
    VLT_TOKEN_NAME,
    VLT_TOKEN_PLUS,
    VLT_TOKEN_MINUS,
    VLT_TOKEN_TIMES,
    VLT_TOKEN_DIVIDE,
    VLT_TOKEN_FLOOR_DIVIDE,
    VLT_TOKEN_MODULO,
    VLT_TOKEN_POWER,
    VLT_TOKEN_SHIFT_LEFT,
    VLT_TOKEN_SHIFT_RIGHT,
    VLT_TOKEN_BIT_AND,
    VLT_TOKEN_BIT_OR,
    VLT_TOKEN_BIT_XOR,
    VLT_TOKEN_BIT_NOT,
    VLT_TOKEN_LESS,
    VLT_TOKEN_LESS_EQUAL,
    VLT_TOKEN_GREATER,
    VLT_TOKEN_GREATER_EQUAL,
    VLT_TOKEN_EQUAL,
    VLT_TOKEN_NOT_EQUAL,
    VLT_TOKEN_IN,
    VLT_TOKEN_NOT_IN,
    VLT_TOKEN_AND,
    VLT_TOKEN_OR,
    VLT_TOKEN_NOT,
    VLT_TOKEN_BANG,
    VLT_TOKEN_IF,
    VLT_TOKEN_ELSE,
    VLT_TOKEN_FOR,
    VLT_TOKEN_OPEN,
    VLT_TOKEN_CLOSE,
    VLT_TOKEN_OPEN_LIST,
    VLT_TOKEN_CLOSE_LIST,
    VLT_TOKEN_COMMA,
    VLT_TOKEN_BAD
} vlt_token;

/* X(function, fewest arguments, most) */
#define VLT_FUNCTION_MAP(X) \
    X(abs, 1, 1)            \
    X(min, 1, 64)           \
    X(max, 1, 64)           \
    X(int, 1, 1)            \
    X(float, 1, 1)          \
    X(bool, 1, 1)           \
    X(round, 1, 1)          \
    X(floor, 1, 1)          \
    X(ceil, 1, 1)           \
    X(sqrt, 1, 1)           \
    X(log, 1, 1)            \
    X(log2, 1, 1)           \
    X(pow, 2, 2)            \
    X(range, 1, 3)          \
    X(list, 1, 1)           \
    X(tuple, 1, 1)          \
    X(sorted, 1, 1)

typedef enum vlt_function {
#define VLT_FUNCTION_ENUM(name, low, high) VLT_FUNCTION_##name,
    VLT_FUNCTION_MAP(VLT_FUNCTION_ENUM)
#undef VLT_FUNCTION_ENUM
        VLT_FUNCTION_COUNT
} vlt_function;

typedef struct vlt_node {
    vlt_node_kind kind;
    int column;
    int begin, end;  /* of an operand of "and": its bytes in the text */
    int first, next; /* child, sibling; -1 */
    vlt_token token;
    vlt_token relation; /* to the operand before, in a chain */
    vlt_function function;
    int name; /* index in the table of names */
    vlt_scalar value;
} vlt_node;

typedef struct vlt_expression_name_entry {
    char *text; /* owned */
    int column; /* where it stands first */
    int slot;   /* among the parameters; -1: the variable of a comprehension */
} vlt_expression_name_entry;

struct vlt_expression {
    char *text, *name; /* owned */
    vlt_node *node;    /* owned */
    int node_count, root;
    vlt_expression_name_entry *names; /* owned */
    int names_count, slot_count;
    char **texts; /* owned: the literals that the nodes point to */
    int texts_count;
};

/* One token of a text. */
typedef struct vlt_lexer {
    const char *start, *at;
    const char *before; /* the end of the token before */
    vlt_token token;
    int column;       /* of the token */
    const char *word; /* NAME, TEXT: its first byte (behind the quote) */
    size_t word_bytes;
    vlt_scalar number;
    const char *complaint; /* BAD: what is wrong */
} vlt_lexer;

void vlt_lexer_next(vlt_lexer *lexer);

/* "NAME: column N: " and the message. */
vlt_status vlt_expression_fail(const vlt_expression *expression, int column, vlt_error *err,
                               const char *format, ...) VLT_PRINTF(4, 5);

/* A computation: parameters, and variables of comprehensions by index of the table of names. */
typedef struct vlt_computation {
    const vlt_expression *expression;
    const vlt_scalar *parameters;
    vlt_scalar *variables; /* NULL where there are none */
    int64_t steps_left;    /* of lists */
    vlt_error *err;
} vlt_computation;

vlt_status vlt_expression_compute(vlt_computation *computation, int node, vlt_scalar *out);

static inline bool vlt_scalar_true(const vlt_scalar *value)
{
    return value->kind == VLT_SCALAR_TEXT   ? value->text[0] != 0
           : value->kind == VLT_SCALAR_REAL ? value->real != 0
                                            : value->integer != 0;
}

#endif
