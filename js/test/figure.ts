/** A small figure as Python writes it. */
export const SVG = `<svg xmlns="http://www.w3.org/2000/svg" id="ncd-1" class="ncd-diagram" viewBox="0 0 200 100" width="200" height="100" role="img" aria-labelledby="ncd-1-title ncd-1-desc">
<title id="ncd-1-title">T</title>
<desc id="ncd-1-desc">D</desc>
<style>
#ncd-1 .ncd-background{fill:#ffffff}
#ncd-1 .ncd-text-axis{fill:#111111;font-family:"Times New Roman","Liberation Serif",Tinos,serif;font-size:15px}
@media (prefers-color-scheme:dark){
#ncd-1 .ncd-background{fill:#17181b}
}
</style>
<rect class="ncd-background" width="200" height="100"/>
<path class="ncd-block ncd-blue" data-block="h.0" d="M1 1H99V99Z"/>
<path class="ncd-wire" data-axis="3" data-array="1" d="M0 10H50"/>
<path class="ncd-wire" data-axis="3" data-array="2" d="M90 10H150"/>
<g class="ncd-op" data-op="10" data-block="h.0"><path class="ncd-learned" d="M50 0H90V28Z"/><text class="ncd-label ncd-text-learned" x="70" y="20">L<tspan dx="1" dy="-8" font-size="16.8">Q</tspan></text></g>
<g class="ncd-op" data-op="2"><path class="ncd-outline" d="M150 10L176 0V20Z"/></g>
<text class="ncd-label ncd-text-axis" data-axis="3" x="2" y="6">m</text>
</svg>`;

export const FACTS = {
  op: { '10': { name: 'linear', weave: 'b s [d] -> b s o', shapes: [[2, 3], [2, 4]] }, '2': { name: 'softmax' } },
  axis: { '3': { name: 'm', size: 512, empty: '' } },
  block: { 'h.0': { name: 'h.0', title: 'Block' } },
};
