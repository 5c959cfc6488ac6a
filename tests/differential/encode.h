/* SPDX-License-Identifier: MIT */
/* The bytes of random instructions. */
#ifndef DIFFERENTIAL_ENCODE_H
#define DIFFERENTIAL_ENCODE_H

#include <Zydis/Zydis.h>

#include "differential.h"

struct df_insn {
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecodedInstruction decoded;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

/* Finds the encodings of everything that the executor's table has. */
void df_encode_open(void);
/* The mnemonics that have an encoding in 64-bit code, or in other code. */
size_t df_mnemonics(bool is_64, const uint16_t **list);
/* A random encoding of a mnemonic for a size of code; false: there is none. */
bool df_encode(struct df_random *random, unsigned mnemonic, unsigned size, struct df_insn *insn);
/* Random bytes that decode. */
bool df_encode_any(struct df_random *random, unsigned size, struct df_insn *insn);
bool df_decode(unsigned size, const uint8_t *bytes, size_t length, struct df_insn *insn);

#endif /* DIFFERENTIAL_ENCODE_H */
