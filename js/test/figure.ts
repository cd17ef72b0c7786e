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
<path class="ncd-block ncd-blue" data-block="h.0" d="M1 1H99V99H1Z"/>
<path class="ncd-wire" data-axis="3" data-array="1" d="M0 10H50"/>
<path class="ncd-wire" data-axis="3" data-array="2" d="M90 10H150"/>
<g class="ncd-op" data-op="10" data-block="h.0"><path class="ncd-learned" d="M50 0H90V28H50Z"/><text class="ncd-label ncd-text-learned" x="60" y="20">L<tspan dx="1" dy="-8" font-size="16.8">Q</tspan></text></g>
<g class="ncd-op" data-op="2"><path class="ncd-outline" d="M150 0H176V20H150Z"/></g>
<text class="ncd-label ncd-text-axis" data-axis="3" x="2" y="6">m</text>
</svg>`;

export const FACTS = {
  op: {
    '2': { name: 'softmax', kind: 'along', path: '', words: 'acts along m', ins: [2], outs: [4], at: [0, 3, 4, 3, 11], flops: 1024, share: '25% of all FLOPs' },
    '10': { name: 'linear', kind: 'contraction', path: 'h.0', weave: 'b s [d] -> b s o', shapes: '[2, 3] → [2, 4]', ins: [1, 9], outs: [2], at: [0, 2, 4, 2, 10] },
  },
  axis: { '3': { name: 'm', size: 512, empty: '' } },
  array: { '1': { name: 'x', shape: [512], axes: [3] }, '2': { name: '', shape: [512], axes: [3] }, '4': { shape: [512], axes: [3] }, '9': { name: 'h.0.w', shape: [4, 3], axes: [], kind: 'parameter' } },
  block: { 'h.0': { title: 'Block', cls: 'Block', repeat: 1, parameters: 12 } },
};

export const SOURCES = [{ file: '/m/model.py', function: 'M.forward', line: 1, text: 'def forward(self, x):\n    linear(x)\n    return softmax(x)\n', tokens: 'k3t1f7t15t6t8t7t11' }];

/** A scene as Python packs it. */
export async function packed(scene: object): Promise<string> {
  const stream = new Blob([JSON.stringify(scene)]).stream().pipeThrough(new CompressionStream('deflate'));
  return btoa(String.fromCharCode(...new Uint8Array(await new Response(stream).arrayBuffer())));
}

export const document_ = (svg = SVG, facts: object = FACTS) => ({ ncd: 1, title: 'M', scenes: [{ svg, facts }], sources: SOURCES });
