// SPDX-License-Identifier: Apache-2.0
//
// Which frame of a stack a person can fix: the application's own. A frame of the standard library,
// of an installed package or of the interpreter itself is not. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/finding.h"
#include "model/ids.h"
#include "model/sites/stack_tree.h"

namespace memwhy::analysis {

bool IsApplicationFrame(const model::Frame& frame);

// The innermost application frame; else the innermost of Python; else the leaf. nullopt for a stack
// without frames.
std::optional<model::FrameId> ApplicationFrame(const model::StackTree& stacks,
                                               model::StackId stack);

// The library whose C function, below the innermost Python frame, took the memory for itself; ""
// where Python did or nobody knows.
std::string NativeLibrary(const model::StackTree& stacks, model::StackId stack);

// The functions of the application on a stack, as (file, function); "<module>" is left out.
using Function = std::pair<std::string, std::string>;
std::vector<Function> ApplicationFunctions(const model::StackTree& stacks, model::StackId stack);

// nullopt for a stack without frames.
std::optional<WhoAllocated> DescribeAllocation(const model::StackTree& stacks,
                                               model::StackId stack);

// "model.ItemEncoder.forward (model.py:28)".
std::string CallableText(const WhoAllocated& who);

}  // namespace memwhy::analysis
