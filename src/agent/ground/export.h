// SPDX-License-Identifier: Apache-2.0
//
// Marks the few symbols that the agent shows to the target; agent.map lists the same names.
#pragma once

#define MEMWHY_EXPORT __attribute__((visibility("default")))
