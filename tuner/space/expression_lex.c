/* The tokens of expressions. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/space/expression_internal.h"

static const struct {
    const char *text;
    vlt_token token;
} signs[] =
    {
        /* longest first */
        {"**", VLT_TOKEN_POWER},      {"//", VLT_TOKEN_FLOOR_DIVIDE},
        {"<<", VLT_TOKEN_SHIFT_LEFT}, {">>", VLT_TOKEN_SHIFT_RIGHT},
        {"<=", VLT_TOKEN_LESS_EQUAL}, {">=", VLT_TOKEN_GREATER_EQUAL},
        {"==", VLT_TOKEN_EQUAL},      {"!=", VLT_TOKEN_NOT_EQUAL},
        {"&&", VLT_TOKEN_AND},        {"||", VLT_TOKEN_OR},
        {"+", VLT_TOKEN_PLUS},        {"-", VLT_TOKEN_MINUS},
        {"*", VLT_TOKEN_TIMES},       {"/", VLT_TOKEN_DIVIDE},
        {"%", VLT_TOKEN_MODULO},      {"<", VLT_TOKEN_LESS},
        {">", VLT_TOKEN_GREATER},     {"&", VLT_TOKEN_BIT_AND},
        {"|", VLT_TOKEN_BIT_OR},      {"^", VLT_TOKEN_BIT_XOR},
        {"~", VLT_TOKEN_BIT_NOT},     {"!", VLT_TOKEN_BANG},
        {"(", VLT_TOKEN_OPEN},        {")", VLT_TOKEN_CLOSE},
        {"[", VLT_TOKEN_OPEN_LIST},   {"]", VLT_TOKEN_CLOSE_LIST},
        {",", VLT_TOKEN_COMMA},
},
  words[] = {
      {"and", VLT_TOKEN_AND}, {"or", VLT_TOKEN_OR}, {"not", VLT_TOKEN_NOT},
      {"in", VLT_TOKEN_IN},   {"if", VLT_TOKEN_IF}, {"else", VLT_TOKEN_ELSE},
      {"for", VLT_TOKEN_FOR},
};

static void complain(vlt_lexer *lexer, const char *what)
{
    lexer->token = VLT_TOKEN_BAD;
    lexer->complaint = what;
}

static void read_number(vlt_lexer *lexer)
{
    const char *text = lexer->at;
    char *end, *real_end;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    long long integer = strtoll(text, &end, hexadecimal ? 16 : 10);
    bool beyond = errno == ERANGE;
    double real = hexadecimal ? 0 : strtod(text, &real_end);
    lexer->token = VLT_TOKEN_NUMBER;
    if (!hexadecimal && (real_end > end || beyond)) {
        lexer->number = vlt_scalar_real(real);
        end = real_end;
    } else {
        lexer->number = vlt_scalar_integer(integer);
    }
    if (isalnum((unsigned char)*end) || *end == '_' || *end == '.' || !isfinite(real) ||
        (hexadecimal && beyond)) {
        complain(lexer, "not a number");
    }
    lexer->at = end;
}

static void read_text(vlt_lexer *lexer)
{
    const char *close = strchr(lexer->at + 1, *lexer->at);
    if (!close || memchr(lexer->at, '\\', (size_t)(close - lexer->at))) {
        complain(lexer, close ? "a text with a backslash" : "a text without its closing quote");
        return;
    }
    lexer->token = VLT_TOKEN_TEXT;
    lexer->word = lexer->at + 1;
    lexer->word_bytes = (size_t)(close - lexer->word);
    lexer->at = close + 1;
}

static bool continues_name(const char *at)
{
    return isalnum((unsigned char)*at) || *at == '_' ||
           (*at == '.' && (isalpha((unsigned char)at[1]) || at[1] == '_'));
}

static void read_name(vlt_lexer *lexer)
{
    lexer->word = lexer->at;
    while (continues_name(lexer->at)) {
        lexer->at++;
    }
    lexer->word_bytes = (size_t)(lexer->at - lexer->word);
    lexer->token = VLT_TOKEN_NAME;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].text) == lexer->word_bytes &&
            !memcmp(words[i].text, lexer->word, lexer->word_bytes)) {
            lexer->token = words[i].token;
        }
    }
}

static void read_sign(vlt_lexer *lexer)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t bytes = strlen(signs[i].text);
        if (!strncmp(lexer->at, signs[i].text, bytes)) {
            lexer->token = signs[i].token;
            lexer->at += bytes;
            return;
        }
    }
    complain(lexer, *lexer->at == '=' ? "'=' (compare with '==')" : "not understood");
}

void vlt_lexer_next(vlt_lexer *lexer)
{
    lexer->before = lexer->at;
    while (isspace((unsigned char)*lexer->at)) {
        lexer->at++;
    }
    unsigned char c = (unsigned char)*lexer->at;
    lexer->column = (int)(lexer->at - lexer->start) + 1;
    if (!c) {
        lexer->token = VLT_TOKEN_END;
    } else if (isdigit(c) || (c == '.' && isdigit((unsigned char)lexer->at[1]))) {
        read_number(lexer);
    } else if (c == '\'' || c == '"') {
        read_text(lexer);
    } else if (isalpha(c) || c == '_') {
        read_name(lexer);
    } else {
        read_sign(lexer);
    }
}
