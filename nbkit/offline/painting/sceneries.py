"""The sceneries as data: the lines of each ground, the props that stand on it, and the words that call for it.

A scenery begins with a line of its name, its footing (how far below the horizon motifs may stand, as a share of the
ground), the motifs that join the prompt's own, the likeliest first, and, after a bar, its words. ``stars``, ``light``,
``rain`` and ``beach`` are added to others. Its lines, from back to front:

- ``land LEVEL SWING WAVES COLOUR RIM``: land that rolls by SWING in so many WAVES, with a RIM at its upper edge. LEVEL is
  0 at the horizon and 1 at the lower edge of the scene. ``PROP LOW HIGH SPACING LIFT`` may follow: a row of
  props on it, of sizes between two, each at most LIFT higher. Props of one size stand evenly.
- ``scatter PROP COUNT LOW HIGH FROM TO``: COUNT props, of sizes and at levels between two. They stay where they are when
  the seed changes; those of ``drift`` move.
- ``light PROP``: a prop at the sun or moon, of its size; with ``reflection PROP``, at the horizon below it.

Swings, sizes, spacings and lifts are shares of the picture's working size. The props are in the
language of ``shapes.py``; ``body`` is the colour of the land on which a prop stands.
"""

from __future__ import annotations

from typing import NamedTuple

from nbkit.offline.painting.shapes import read_drawings, read_table

_SCENERIES = """
stars 0 |
  scatter speck 74 .0016 .0042 -9 .3
light 0 |
  light light
hills .3 tree cloud bird house flower tree balloon | hill field meadow garden valley park village countryside
  land -.02 .07 .9 far far:low:30 furrow .12 .12 .12
  land .26 .06 .7 mid mid:low:30 furrow .12 .12 .12
  land .62 .05 .6 near near:low:30 furrow .12 .12 .12
mountains .5 pine cloud bird pine house balloon | mountain peak alps alpine ridge summit
  land .12 0 0 far none peak .3 .52 .5
  land .3 0 0 mid none peak .17 .3 .42
  land .36 .04 .7 mid:near:50 none
  land .64 .04 .7 near none
  scatter tuft 24 .01 .01 .5 1
sea .84 boat cloud bird boat fish | sea ocean water beach harbour harbor lake river coast shore bay canal
  land 0 0 0 far none
  reflection glitter
  land .16 0 0 far:near:20 none wave .07 .07 .07
  land .328 0 0 far:near:40 none wave .12 .12 .12
  land .496 0 0 far:near:60 none wave .17 .17 .17
  land .664 0 0 far:near:80 none wave .22 .22 .22
  land .832 0 0 near none wave .27 .27 .27
rain 0 |
  scatter drop 210 .03 .06 -9 1
beach 0 |
  land .78 .02 .5 second:pale:45 pale
forest .62 pine mushroom bird pine butterfly cloud | forest woods woodland grove
  land .1 .03 .8 far none fir .21 .36 .126
  land .3 .03 .8 mid none fir .17 .29 .1
  land .46 .03 .8 mid:near:60 none fir .11 .19 .067
  land .6 .03 .6 near near:low:25
city .58 car cloud tree lantern bird star | city street town skyline downtown urban metropolis alley tokyo kyoto paris london
  land .3 0 0 far none block .28 .62 .12
  land .46 0 0 mid none block .2 .4 .12
  land .5 0 0 near:pale:40 none
  land .54 0 0 near none
  land .91 0 0 near none dash .12 .12 .2
dunes .5 cactus cloud bird cactus balloon | desert dune sand
  land .16 0 0 far none dune .5 .95 .6
  land .44 0 0 mid none dune .45 .85 .6
  land .8 0 0 near none dune .4 .75 .6
space .7 planet star rocket star planet | space cosmos cosmic universe
  land .42 .018 .5 far:mid:40 none
  land .5 .018 .5 mid none
  land .6 .018 .5 near none
  scatter crater 13 .02 .07 .68 .98
pattern .5 halves burst boomerang rings leaf arches | abstract pattern geometric shape
  land .3 0 0 none none panel .38 .38 .38 .55
  drift disc 1 .26 .36 -.9 .1
"""

_PROPS = """
peak
  body/pale:body:8 poly 0 -1 .83 0 -.83 0, 0 -1 .25 -.7 .13 -.75 .03 -.64 -.08 -.76 -.23 -.72
  body:dark:30/pale:body:45 poly .25 -.7 .83 0 .17 0 -.08 -.38 .12 -.64 .13 -.75, 0 -1 .25 -.7 .13 -.75 .04 -.78
  pale@40 line:.014 -.23 -.55 -.1 -.45 * 3 shift -.11 .15
tuft
  near:low:30 poly -1 0 0 -2 1 0
wave
  body poly (.5 0 .5 .26 180 360)
  body:pale:42 line:.04 (.5 .02 .47 .24 188 352)
  body:pale:22 line:.03 (.5 .16 .34 .18 186 354), poly (.5 .18 .2 .1 180 360)
glitter
  light@75 box:.03 -.8 .1 .8 .17, -1.07 .25 1.07 .32, -.7 .4 .7 .47
fir
  body poly 0 -.62 .27 .03 -.27 .03, 0 -.82 .21 -.28 -.21 -.28, 0 -1 .15 -.55 -.15 -.55
  body:dark:18 poly 0 -.62 .27 .03 0 .03, 0 -.82 .21 -.28 0 -.28, 0 -1 .15 -.55 0 -.55
block
  pick gable mast dim | body none body:pale:50 | none body body:pale:50 | none none body:pale:50
  pick a b c d | light none none light:second:40 | none light:second:80 none light | light:second:40 light none none / dim none none light | none dim none none | dim none dim none
  pick e f g | none light none | light:second:40 none light:second:80 | none none light / none dim none | none none dim | dim none light
  body/gable/mast/mast box -.17 -.85 .17 .01, poly -.17 -.84 0 -1 .17 -.84, box -.085 -.93 .085 -.84, -.012 -1.1 .012 -.9
  body:dark:25 box .07 -.85 .17 .01
  a/b/c/d/e/f/g box -.14 -.8 -.11 -.75 * 3 shift .1 0 * 6 shift 0 .12
  g/d/b/e/a/f/c box -.09 -.8 -.06 -.75 * 3 shift .1 0 * 6 shift 0 .12
furrow
  body:dark:28 line:.04 -.4 .4 .4 .4 * 6 shift .2 .3
dash
  pale@55 box -.5 -.04 .5 .04
dune
  body poly -.8 0 -.6 -.02 -.4 -.07 -.2 -.143 0 -.24 .75 0
  body:dark:28 poly 0 -.24 .75 0 .1 0 -.08 -.108
  body:pale:40 line:.005 -.62 .02 -.3 .006 0 .02 * 3 shift 0 .024
crater
  near:dark:50 oval 0 0 1 .3
  near:mid:40 oval 0 .06 .86 .2
panel
  pick tone | far:middle:25 | mid:middle:25 | main:middle:25 | near:middle:25
  tone poly (0 0 .5 .5 180 360) .5 9 -.5 9
  pale@40 line:.01 (0 0 .42 .42 180 360), (0 0 .35 .35 180 360), (0 0 .28 .28 180 360), (0 0 .21 .21 180 360)
disc
  light@90 oval 0 0 1 1
  light@55 ring:.02 0 0 1.12 1.12, 0 0 1.24 1.24, 0 0 1.36 1.36
speck
  pick shine cross | light@40 none | light@55 none | light@70 none | light@80 none | light@90 none | light@95 light@70
  shine dot:1 0 0
  cross line:.6 -4 0 4 0, 0 -4 0 4
drop
  pale@45 line:.09 .25 -1 -.25 1
light
  pick craters stripes | light:second:30 none / none light:low:85
  light@7 poly (0 0 1 1 -4.5 4.5) (0 0 30 30 6.5 -6.5) * 9 turn -25.7 0 0
  light@9 oval 0 0 2.2 2.2 * 3 shrink .667 0 0
  light oval 0 0 1 1
  craters oval -.35 -.2 .2 .2, .25 .3 .26 .26, .2 -.4 .12 .12, -.25 .45 .1 .1
  stripes box -.95 .2 .95 .23, -.87 .4 .87 .45, -.72 .6 .72 .67, -.44 .8 .44 .89
shadow
  dark@35 oval .08 .012 .75 .1
  dark@22 oval .35 .05 .95 .1
pond
  dark@30/middle oval 0 .1 .75 .14, 0 .08 .72 .12
"""


class Scenery(NamedTuple):
    """A scenery; the docstring of this module describes the attributes."""

    footing: float
    companions: tuple[str, ...]
    keywords: frozenset[str]
    lines: list[list[str]]


SCENERIES: dict[str, Scenery] = {}
for (_name, _footing, *_rest), _rows in read_table(_SCENERIES):
    _bar, _lines = _rest.index("|"), [row.split() for row in _rows]
    SCENERIES[_name] = Scenery(float(_footing), tuple(_rest[:_bar]), frozenset(_rest[_bar:]), _lines)
PROPS = {drawing.name: drawing for drawing in read_drawings(_PROPS)}
