// SPDX-License-Identifier: Apache-2.0
//
// Which CPython wrote a collection, by the form of its text. Pure.
#pragma once

#include "model/gc_log.h"
#include "readers/gc_message.h"

namespace memwhy::readers {

// What its own lines tell.
model::GcTextForm FormOfBlock(const model::GcCollection& collection, const GcMessage& done);

// What a collection's lines do not tell its writer's others do; marks writers that are incremental.
void CompleteGcForms(model::GcLog& log);

}  // namespace memwhy::readers
