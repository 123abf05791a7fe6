/* SPDX-License-Identifier: MIT
 *
 * page.c - draw_html(). Nothing is fetched: the records stand in the page, as JSON. No state.
 */
#include "draw.h"

#include "svg.h"

#include <stdlib.h>

static const char head[] =
	"<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
	"content=\"width=device-width\"><title>";
static const char style[] =
	"</"
	"title><style>:root{--ink:#1b1f24;--dim:#57606a;--paper:#fff;--line:#d0d7de}@media(prefers-"
	"color-scheme:dark){:root{--ink:#e6edf3;--dim:#9198a1;--paper:#0d1117;--line:#3d444d}}body{"
	"margin:0;color:var(--ink);background:var(--paper);font:14px "
	"system-ui,sans-serif}:root{color-scheme:light dark}"
	"#bar{position:sticky;top:0;left:0;display:flex;gap:.5rem;align-items:center;padding:.5rem "
	"1rem;background:var(--paper);border-bottom:1px solid var(--line);z-index:1}"
	"#bar input{font:inherit;width:22rem}#bar button{font:inherit;min-width:2.2rem}"
	"#bar span{color:var(--dim)}#main{display:flex;align-items:flex-start}"
	"#picture{overflow:auto;flex:1}#told:empty{display:none}#told{flex:0 0 "
	"24rem;position:sticky;top:3rem;max-height:90vh;"
	"overflow:auto;padding:0 1rem;border-left:1px solid var(--line)}"
	"#told table{border-collapse:collapse}#told td{vertical-align:top;padding:.1rem .6rem "
	".1rem 0;"
	"overflow-wrap:anywhere}#told td:first-child{color:var(--dim)}"
	"g.away{opacity:.15}g.chosen .hit{fill:rgba(9,105,218,.13)}"
	"@media print{#bar,#told{display:none}}</style>\n"
	"<div id=\"bar\"><input id=\"words\" type=\"search\" placeholder=\"call, argument, result: "
	"all "
	"words must be there\" aria-label=\"search\"><span id=\"count\"></span><button id=\"less\" "
	"title=\"smaller\">\342\210\222</button><button id=\"more\" "
	"title=\"larger\">+</button><button "
	"id=\"fit\">fit</button><span>click a call to see all of it</span></div><div "
	"id=\"main\"><div id=\"picture\">\n";
static const char panel[] = "</div><aside id=\"told\"></aside></div>\n"
			    "<script type=\"application/json\" id=\"rows\">";
static const char script[] =
	"</script>\n<script>\n"
	"const rows=JSON.parse(document.getElementById('rows').textContent),"
	"groups=[...document.querySelectorAll('g[data-i]')],svg=document.querySelector('svg'),"
	"told=document.getElementById('told'),count=document.getElementById('count');\n"
	"const text=(r,g)=>(JSON.stringify(r)+' "
	"'+g.textContent).toLowerCase(),flat=rows.map((r,i)=>"
	"text(r,groups[i])),full=svg.viewBox.baseVal.width,"
	"tall=svg.viewBox.baseVal.height;let zoom=1,high=tall;\n"
	"function scale(z){zoom=Math.min(4,Math.max(.1,z));svg.setAttribute('width',full*zoom);"
	"svg.setAttribute('height',high*zoom)}\n"
	"document.getElementById('more').onclick=()=>scale(zoom*1.25);"
	"document.getElementById('less').onclick=()=>scale(zoom/1.25);"
	"document.getElementById('fit').onclick=()=>scale(document.getElementById('picture')."
	"clientWidth"
	"/full);\n"
	"document.getElementById('words').oninput=e=>{const "
	"w=e.target.value.toLowerCase().split(/\\s+/)"
	".filter(Boolean);let n=0;groups.forEach(g=>{const "
	"on=w.every(x=>flat[g.dataset.i].includes(x));"
	"g.classList.toggle('away',!on);n+=on});inner.forEach(g=>{const "
	"t=text(rows[g.dataset.of].calls[g.dataset.k],g);g.classList.toggle('away',!w.every("
	"x=>t.includes(x)))});"
	"count.textContent=w.length?n+' of "
	"'+groups.length:'';"
	"if(w.length){const "
	"g=groups.find(g=>!g.classList.contains('away'));if(g)g.scrollIntoView({block:"
	"'center',inline:'nearest'})}};\n"
	"function line(t,k,v){const r=t.insertRow();r.insertCell().textContent=k;r.insertCell()"
	".textContent=v}\n"
	"function tell(c){const h=document.createElement('h3');h.textContent=c.call;told.append(h);"
	"const t=document.createElement('table');for(const k of ['layer','who','pid','tid','seq'])"
	"if(c[k]!=='')line(t,k,c[k]);for(const [k,v] of Object.entries(c.args||{}))line(t,k,v);"
	"line(t,'result',c.result+(c.error?' '+c.error:''));for(const [k,v] of "
	"Object.entries(c.out||{}))"
	"line(t,'\\u2192 '+k,v);line(t,'took',c.us+' \\u00b5s');told.append(t)}\n"
	"const inner=[...document.querySelectorAll('g[data-of]')],all=groups.concat(inner),"
	"lives=[...document.querySelectorAll('.life')],paper=document.querySelector('.paper');"
	"lives.forEach(l=>l.dataset.end=l.getAttribute('y2'));const open=new Set();\n"
	"function layout(){const row=+svg.dataset.row,of={};let down=0;"
	"inner.forEach(g=>(of[g.dataset.of]=of[g.dataset.of]||[]).push(g));"
	"groups.forEach(g=>{const move='translate(0,'+down+')',run=of[g.dataset.i]||[],"
	"on=open.has(g);g.setAttribute('transform',move);run.forEach(k=>{k.style.display=on?'':'"
	"none';"
	"k.setAttribute('transform',move)});if(on)down+=run.length*row});"
	"lives.forEach(l=>l.setAttribute('y2',+l.dataset.end+down));high=tall+down;"
	"paper.setAttribute('height',high);svg.setAttribute('viewBox','0 0 '+full+' "
	"'+high);scale(zoom)}\n"
	"function choose(g,calls,more){all.forEach(o=>o.classList.toggle('chosen',o===g));"
	"told.textContent='';if(more){const p=document.createElement('p');"
	"p.textContent=more+' more are not told';told.append(p)}calls.forEach(tell)}\n"
	"groups.forEach(g=>g.onclick=()=>{const r=rows[g.dataset.i];choose(g,r.calls,r.more);"
	"if(inner.some(k=>k.dataset.of===g.dataset.i)){open.has(g)?open.delete(g):open.add(g);"
	"layout()}});\n"
	"inner.forEach(g=>g.onclick=()=>choose(g,[rows[g.dataset.of].calls[g.dataset.k]]));\n"
	"</script></html>\n";

/* In a script element "</script>" would end it, wherever it stands. */
static void put_json(FILE *f, const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
	for (const char *c = text; c && *c; c++)
		if (*c == '<')
			fputs("\\u003c", f);
		else
			fputc(*c, f);
	free(text);
}

/* What is told without rows of its own, behind the call around it. */
static void put_hidden(FILE *f, const struct story *s, size_t act)
{
	size_t left = s->acts[act].hidden < DRAW_RUN_TOLD ? s->acts[act].hidden : DRAW_RUN_TOLD;
	for (size_t i = act + 1; i < s->n && left; i++)
		if (s->acts[i].within == act) {
			fputc(',', f);
			put_json(f, s->acts[i].record);
			left--;
		}
}

static void put_row(FILE *f, const struct story *s, const struct row *r)
{
	unsigned told = r->count < DRAW_RUN_TOLD ? r->count : DRAW_RUN_TOLD;
	fputs("{\"calls\":[", f);
	for (unsigned i = 0; i < told; i++) {
		fputs(i ? "," : "", f);
		put_json(f, s->acts[r->count > 1 ? s->folded[r->first + i] : r->act].record);
	}
	put_hidden(f, s, r->act);
	fprintf(f, "]%s", r->count > told ? ",\"more\":" : "");
	if (r->count > told)
		fprintf(f, "%u", r->count - told);
	fputc('}', f);
}

void draw_html(FILE *f, const struct story *s, const char *title)
{
	fputs(head, f);
	svg_escape(f, title);
	fputs(style, f);
	draw_element(f, s, title, true);
	fputs(panel, f);
	fputc('[', f);
	for (size_t i = 0; i < s->row_count; i++) {
		fputs(i ? ",\n" : "\n", f);
		put_row(f, s, &s->rows[i]);
	}
	fputs("\n]", f);
	fputs(script, f);
}
