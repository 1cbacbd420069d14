// SPDX-License-Identifier: Apache-2.0
//
// Kinds of characters of logs, whatever the locale. Pure.
#pragma once

namespace memwhy::readers {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsWord(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace memwhy::readers
