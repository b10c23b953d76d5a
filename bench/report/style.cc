// SPDX-License-Identifier: Apache-2.0

#include "bench/report/style.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpfmap::bench {
namespace {

// Series have a class c0, c1, ... which sets --c.
std::string ColorsOf(const char* Color::*scheme) {
  std::string css = absl::StrFormat(":root{--paper:%s}", kPaper.*scheme);
  for (int i = 0; i < kPaletteSize; ++i) {
    absl::StrAppendFormat(&css, ".c%d{--c:%s}", i, kPalette[i].*scheme);
  }
  return absl::StrCat(css, "\n");
}

constexpr char kLight[] = R"(
:root{color-scheme:light dark;--page:#f4f6f8;--ink:#1b1f24;--soft:#57606a;
--line:#d5dbe1;--hair:#e2e7ec;--stripe:#f7f9fb;--link:#0550ae;
--win:#d7ebfa;--win2:#b3d8f4;--lose:#fde3d3}
)";

constexpr char kDark[] = R"(
:root{--page:#0d1117;--ink:#e6edf3;--soft:#9aa4af;
--line:#343b44;--hair:#262c34;--stripe:#1b2129;--link:#79b8ff;
--win:#12304d;--win2:#174a78;--lose:#4d2a17}
)";

constexpr char kRules[] = R"(
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:1280px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:21px;margin:44px 0 6px;padding-top:20px;
border-top:1px solid var(--line)}
h2 .map{color:var(--soft);font-weight:400}
h3{font-size:15px;margin:26px 0 0}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
p{max-width:76ch;margin:6px 0}
.soft,.lead{color:var(--soft)}
.lead{font-size:16px}
code{font:.92em ui-monospace,"DejaVu Sans Mono",Menlo,monospace}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:16px 0 0}
.machine{display:flex;flex-wrap:wrap;gap:10px 32px;margin:20px 0 0;
padding:14px 18px;background:var(--paper);border:1px solid var(--line);
border-radius:10px}
.machine div{max-width:100%}
dt{font-size:12px;color:var(--soft)}
dd{margin:0;font-size:14px;overflow-wrap:anywhere}
.tiles{display:grid;gap:16px;margin:18px 0;
grid-template-columns:repeat(auto-fill,minmax(270px,1fr))}
.tile{background:var(--paper);border:1px solid var(--line);border-radius:10px;
padding:14px 18px}
.tile b{display:block;font-size:34px;line-height:1.25;font-weight:650;
letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile span{display:block;font-size:13px;color:var(--soft);
overflow-wrap:anywhere}
.tile .name{color:var(--ink);font-weight:600;font-size:14px}
.legend{display:flex;flex-wrap:wrap;gap:4px 22px;margin:12px 0 0;padding:0;
list-style:none;font-size:13px}
.legend li{display:flex;align-items:center;gap:7px;overflow-wrap:anywhere}
.legend svg{flex:none}
.figures{display:grid;gap:16px;margin:16px 0 0;
grid-template-columns:repeat(auto-fill,minmax(min(540px,100%),1fr))}
figure{margin:0;padding:16px 18px 12px;background:var(--paper);
border:1px solid var(--line);border-radius:10px;min-width:0}
figcaption{font-weight:600;font-size:14px;margin-bottom:6px}
figcaption span{font-weight:400;color:var(--soft)}
.scroll{overflow-x:auto}
.wide{grid-column:1/-1}
.wide .chart{min-width:900px}
.chart{display:block;width:100%;min-width:460px;height:auto}
.chart text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
fill:var(--ink)}
.chart .axis,.chart .view,.chart .none{fill:var(--soft)}
.chart .axis{font-size:10.5px}
.chart .view{font-size:11px;letter-spacing:.04em}
.chart .value{font-size:11.5px;font-variant-numeric:tabular-nums}
.chart .best{font-weight:700}
.chart .failed{fill:var(--c);font-weight:700}
.chart .grid{stroke:var(--hair)}
.chart .base{stroke:var(--line)}
.chart .stripe{fill:var(--stripe)}
.stem{stroke:var(--c);stroke-width:3;opacity:.32}
.dot{fill:var(--c);stroke:var(--c);stroke-width:2.5}
.hollow .dot{fill:var(--paper)}
details{margin:10px 0 0}
summary{cursor:pointer;color:var(--soft);font-size:13px}
.tables details{margin:14px 0}
.tables summary{color:var(--ink);font-weight:600;font-size:15px}
table{border-collapse:collapse;font-size:13px;margin:8px 0 0;width:100%;
font-variant-numeric:tabular-nums;background:var(--paper)}
th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--hair);
vertical-align:top}
th{font-weight:600}
thead th{color:var(--soft);font-weight:500;white-space:nowrap;
vertical-align:bottom}
.l{text-align:left}
.summary{border:1px solid var(--line)}
.summary .first{border-left:1px solid var(--line)}
.summary td,.summary th{white-space:nowrap;padding:4px 8px}
.summary .first{text-align:right}
.summary thead .first[colspan]{text-align:center}
.summary td small{display:block;color:var(--soft);font-size:11px;
line-height:1.3;max-width:132px;margin-left:auto;overflow:hidden;
text-overflow:ellipsis}
.tables .soft{font-weight:400}
.win{background:var(--win)}
.win2{background:var(--win2)}
.lose{background:var(--lose)}
.why{overflow-wrap:anywhere}
footer{padding-top:36px;padding-bottom:40px;color:var(--soft);font-size:13px}
@media print{body{background:#fff}figure,.tile{break-inside:avoid}}
)";

}  // namespace

std::string StyleSheet() {
  return absl::StrCat(kLight, ColorsOf(&Color::light), kRules,
                      "@media(prefers-color-scheme:dark){", kDark,
                      ColorsOf(&Color::dark), "}\n");
}

}  // namespace bpfmap::bench
