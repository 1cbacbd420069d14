// SPDX-License-Identifier: Apache-2.0
//
// A word of a command line that a person may paste: a shell reads the same text from it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace memwhy {

// Quoted, if it is more than a plain name. Hidden characters (terminal_text.h) are written out in
// quotes of the form $'\u202e', which bash, zsh and ksh know.
std::string ShellWord(std::string_view text);

}  // namespace memwhy
