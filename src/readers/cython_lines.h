// SPDX-License-Identifier: Apache-2.0
//
// Lines of .pyx in C code that Cython made. Without line directives a build keeps only lines of the
// C file; Cython writes the source line in front of each statement, as a comment:
//   /* "app/fast.pyx":17
//    * ...
//    */
// The comment holds for the code behind it, up to the next one. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memwhy::readers {

struct CythonLine {
  int c_line = 0;  // of the comment's beginning
  std::string file;
  int line = 0;
};

// By c_line. Empty: the text is not made by Cython, or has no such comments.
std::vector<CythonLine> ReadCythonLines(std::string_view c_source);

// What the C line comes from; nullptr: nothing is said.
const CythonLine* FindCythonLine(const std::vector<CythonLine>& lines, int c_line);

}  // namespace memwhy::readers
