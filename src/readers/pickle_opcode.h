// SPDX-License-Identifier: Apache-2.0
//
// The opcodes of Python's pickles, protocols 2 to 5: which are plain data, and how long the
// argument of each is. One byte, then the argument (little-endian), then a text for some:
//
//   opcode | argument | text of `argument` bytes
//
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace memwhy::readers {

inline constexpr unsigned char kOpMark = '(', kOpStop = '.', kOpPop = '0', kOpPopMark = '1',
                               kOpInt1 = 'K', kOpInt2 = 'M', kOpInt4 = 'J', kOpNone = 'N',
                               kOpFloat = 'G', kOpAppend = 'a', kOpAppends = 'e', kOpDict = 'd',
                               kOpList = 'l', kOpTuple = 't', kOpEmptyDict = '}',
                               kOpEmptyList = ']', kOpEmptyTuple = ')', kOpSetItem = 's',
                               kOpSetItems = 'u', kOpBinGet = 'h', kOpLongBinGet = 'j',
                               kOpBinPut = 'q', kOpLongBinPut = 'r', kOpProtocol = 0x80,
                               kOpTuple1 = 0x85, kOpTuple2 = 0x86, kOpTuple3 = 0x87, kOpTrue = 0x88,
                               kOpFalse = 0x89, kOpMemoize = 0x94, kOpFrame = 0x95;

enum class PickleOpcodeKind : std::uint8_t {
  kOther,     // no opcode, or one of protocols 0 and 1
  kPlain,     // an argument of fixed length
  kText,      // the argument is the length of a text
  kLong,      // the argument is the length of a number
  kRunsCode,  // imports, calls or sets a state
};

struct PickleOpcode {
  PickleOpcodeKind kind = PickleOpcodeKind::kOther;
  std::uint8_t argument_bytes = 0;
  const char* name = "";
};

constexpr std::array<PickleOpcode, 256> MakePickleOpcodes() {
  std::array<PickleOpcode, 256> table{};
  for (const unsigned char opcode :
       {kOpMark,     kOpStop,   kOpPop,    kOpPopMark,   kOpNone,      kOpAppend,     kOpAppends,
        kOpDict,     kOpList,   kOpTuple,  kOpEmptyDict, kOpEmptyList, kOpEmptyTuple, kOpSetItem,
        kOpSetItems, kOpTuple1, kOpTuple2, kOpTuple3,    kOpTrue,      kOpFalse,      kOpMemoize}) {
    table[opcode] = {PickleOpcodeKind::kPlain, 0, ""};
  }
  for (const unsigned char opcode : {kOpInt1, kOpBinGet, kOpBinPut, kOpProtocol}) {
    table[opcode] = {PickleOpcodeKind::kPlain, 1, ""};
  }
  table[kOpInt2] = {PickleOpcodeKind::kPlain, 2, ""};
  for (const unsigned char opcode : {kOpInt4, kOpLongBinGet, kOpLongBinPut}) {
    table[opcode] = {PickleOpcodeKind::kPlain, 4, ""};
  }
  for (const unsigned char opcode : {kOpFloat, kOpFrame}) {
    table[opcode] = {PickleOpcodeKind::kPlain, 8, ""};
  }
  table[0x8c] = {PickleOpcodeKind::kText, 1, "SHORT_BINUNICODE"};
  table['X'] = {PickleOpcodeKind::kText, 4, "BINUNICODE"};
  table[0x8d] = {PickleOpcodeKind::kText, 8, "BINUNICODE8"};
  table['U'] = {PickleOpcodeKind::kText, 1, "SHORT_BINSTRING"};
  table['T'] = {PickleOpcodeKind::kText, 4, "BINSTRING"};
  table['C'] = {PickleOpcodeKind::kText, 1, "SHORT_BINBYTES"};
  table['B'] = {PickleOpcodeKind::kText, 4, "BINBYTES"};
  table[0x8e] = {PickleOpcodeKind::kText, 8, "BINBYTES8"};
  table[0x8a] = {PickleOpcodeKind::kLong, 1, "LONG1"};
  table[0x8b] = {PickleOpcodeKind::kLong, 4, "LONG4"};
  table['c'] = {PickleOpcodeKind::kRunsCode, 0, "GLOBAL"};
  table[0x93] = {PickleOpcodeKind::kRunsCode, 0, "STACK_GLOBAL"};
  table['R'] = {PickleOpcodeKind::kRunsCode, 0, "REDUCE"};
  table['b'] = {PickleOpcodeKind::kRunsCode, 0, "BUILD"};
  table['i'] = {PickleOpcodeKind::kRunsCode, 0, "INST"};
  table['o'] = {PickleOpcodeKind::kRunsCode, 0, "OBJ"};
  table[0x81] = {PickleOpcodeKind::kRunsCode, 0, "NEWOBJ"};
  table[0x92] = {PickleOpcodeKind::kRunsCode, 0, "NEWOBJ_EX"};
  table[0x82] = {PickleOpcodeKind::kRunsCode, 0, "EXT1"};
  table[0x83] = {PickleOpcodeKind::kRunsCode, 0, "EXT2"};
  table[0x84] = {PickleOpcodeKind::kRunsCode, 0, "EXT4"};
  table['P'] = {PickleOpcodeKind::kRunsCode, 0, "PERSID"};
  table['Q'] = {PickleOpcodeKind::kRunsCode, 0, "BINPERSID"};
  return table;
}

inline constexpr std::array<PickleOpcode, 256> kPickleOpcodes = MakePickleOpcodes();

}  // namespace memwhy::readers
