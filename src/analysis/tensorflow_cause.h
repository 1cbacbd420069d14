// SPDX-License-Identifier: Apache-2.0
//
// Why a suspect grows, where TensorFlow's functions are what grows: by the path of its holder and
// by the frames of TensorFlow and Keras on the stacks that allocate. Names of files and attributes
// are those of TensorFlow 2.14 to 2.21, Keras 3 and tf-keras. Pure.
#pragma once

#include "analysis/case.h"

namespace memwhy::analysis {

enum class TensorFlowCause : unsigned char {
  kNone,
  kRetrace,         // one tf.function is traced again and again
  kGradients,       // the registry of custom gradients
  kPyFunctions,     // what tf.py_function has made
  kLoads,           // models are loaded again and again
  kFunctionsAgain,  // tf.functions (or models with some) are made and kept again and again
};

TensorFlowCause TensorFlowCauseOf(const Case& one, const Suspect& suspect);

// Whether a stack of the window has a frame of TensorFlow.
bool UsesTensorFlow(const Case& one);

}  // namespace memwhy::analysis
