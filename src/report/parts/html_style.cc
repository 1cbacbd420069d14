// SPDX-License-Identifier: Apache-2.0
#include "report/parts/html_style.h"

namespace memwhy::report {

const char kReportStyle[] = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1d21;--dim:#555c66;--line:#d4d8de;--card:#f6f7f9;
--accent:#0b57a4;--bad:#a8241a;--ok:#1d6b34;
--python:#3776ab;--framework:#c2570c;--extension:#8e5ba6;--interpreter:#2a9d8f;--native:#b08900;
--device:#c2407e;--system:#69707a;--rest:#8a9099}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e8eb;--dim:#a4abb5;--line:#383e47;
--card:#1d2127;--accent:#7db8f5;--bad:#ff8f84;--ok:#7dd394;
--python:#6ba6dc;--framework:#f0935a;--extension:#bd90d3;--interpreter:#5cc8ba;--native:#dcb93f;
--device:#ef80b2;--system:#9aa2ad;--rest:#aab1ba}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
header{padding-top:1rem}
footer{padding-bottom:2rem;color:var(--dim);font-size:.875rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0}
h2{font-size:1.25rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
h3{font-size:1.05rem;margin:.25rem 0 .5rem}
h4{font-size:1rem;margin:1rem 0 .25rem}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--accent);
outline-offset:2px}
.skip{position:absolute;left:-100rem}
.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.25rem .5rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:.5rem 0;padding:0}
nav a{display:inline-block;min-height:24px;padding:.125rem 0}
.word{display:inline-block;border:2px solid currentColor;border-radius:.25rem;padding:0 .5rem;
font-weight:700;text-transform:uppercase;letter-spacing:.04em}
.word-growing,.word-bloated{color:var(--bad)}
.word-stable,.word-plateau{color:var(--ok)}
.word-retained,.word-inconclusive{color:var(--accent)}
.dim{color:var(--dim)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;
margin:1rem 0}
.tags{display:flex;flex-wrap:wrap;gap:.5rem;padding:0;margin:0 0 .5rem;list-style:none}
.tags li{border:1px solid var(--line);border-radius:.25rem;padding:0 .5rem;font-size:.875rem}
dl{display:grid;grid-template-columns:minmax(6rem,11rem) 1fr;gap:.25rem 1rem;margin:.5rem 0}
dt{color:var(--dim)}
dd{margin:0}
code,span{unicode-bidi:isolate}
code,pre{font:0.9em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:.25rem;padding:.5rem;
overflow-x:auto;white-space:pre-wrap}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9375rem;overflow-wrap:break-word}
th code{white-space:nowrap}
caption{text-align:left;color:var(--dim);padding:.25rem 0}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.bar{min-width:8rem;width:34%;vertical-align:middle}
tr.total{font-weight:700}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--dim);font:12px system-ui,sans-serif}
.axis{stroke:var(--line);stroke-width:1}
.window{fill:var(--accent);fill-opacity:.08}
.rss{fill:none;stroke:var(--accent);stroke-width:2}
.live{fill:none;stroke:var(--framework);stroke-width:2;stroke-dasharray:6 3}
.l-python{fill:var(--python)}.l-framework{fill:var(--framework)}.l-extension{fill:var(--extension)}
.l-interpreter{fill:var(--interpreter)}.l-native{fill:var(--native)}.l-device{fill:var(--device)}
.l-system{fill:var(--system)}
.start{fill-opacity:.45}
.hatch{stroke:var(--rest);stroke-width:2}
summary{cursor:pointer;min-height:24px;padding:.125rem 0}
ol.stack{margin:.25rem 0;padding-left:2rem}
.path{list-style:none;padding:0;margin:.25rem 0}
.path li{padding-left:1rem;border-left:3px solid var(--python)}
.pass::before{content:"\2713  "}.fail::before{content:"\2717  "}.fail{color:var(--bad)}
@media (max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}
th,td{padding:.25rem}td.bar{display:none}}
@media (forced-colors:active){.word{border-color:CanvasText}}
@media print{nav,.skip{display:none}.card{break-inside:avoid}}
)css";

}  // namespace memwhy::report
