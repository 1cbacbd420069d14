// SPDX-License-Identifier: Apache-2.0
//
// The style sheet of the HTML report: light and dark, usable at 360 px, no external resource.
#pragma once

namespace memwhy::report {

extern const char kReportStyle[];

}  // namespace memwhy::report
