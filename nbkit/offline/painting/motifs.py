"""The motifs as data: what each looks like, where it belongs, and the words of a prompt that call for it.

A motif begins with a line of its name, region, size, reach, home and words:

- its region is "hang", "sky", "stand", "water" or "free" (anywhere);
- its size as the most important motif is a share of the picture's working size;
- its reach is half its width as a share of its height, and keeps other motifs apart;
- its home is the scenery of a prompt that names the motif and no scenery, or "-";
- its words are synonyms and kinds of what is drawn, and nothing else. One with a plus stands for several; one with a tilde is
  what a prompt may say of the motif, because it is drawn so.

The lines below it are in the language of ``shapes.py``. A motif that stands has its origin at its foot and is one unit
high; the others are about one unit across, around their origin. All share the inks ``accent`` and ``other``, which are
the accents of the palette in one order or the other, and ``pane`` and ``window``, which are lit or dark.
"""

from __future__ import annotations

from typing import NamedTuple

from nbkit.offline.painting.shapes import Drawing, read_drawings

# First the inks that all share: windows are mostly lit at night, and mostly dark by day.
_MOTIFS = """
inks
  pick accent other | main second | main second | main second | second main | second main
  pick blind | dark:middle:35
  pick pane window | light light | light light | light blind | blind light / light blind | blind light | blind blind
lantern hang .44 .5 - lantern ~paper ~hanging ~glowing ~lit
  pick paper | main | main | main:second:50
  second@13 oval 0 0 .72 .72 * 3 shrink .65 0 0
  dark@80/paper line:.018 0 -12 0 -.4, oval 0 0 .42 .38
  paper:glow:42/paper:glow:78 oval 0 .02 .29 .375, 0 .03 .15 .37
  dark@35 ring:.012 0 0 .42 .378, 0 0 .29 .378, 0 0 .15 .378
  dark@28 curve:.011 -.36 -.2 0 -.18 .36 -.2, -.41 -.08 0 -.05 .41 -.08, -.41 .06 0 .09 .41 .06, -.36 .18 0 .22 .36 .18
  pale@50 blob -.31 -.13 -.24 -.22 -.22 -.05 -.28 .08
  dark box:.03 -.17 -.44 .17 -.345, -.14 .345 .14 .42
  second box -.145 -.365 .145 -.345, -.115 .345 .115 .362, -.01 .42 .01 .5, poly -.035 .5 .035 .5 .05 .68 -.05 .68
moon sky .4 .5 - moon ~full ~shining
  light@10 oval 0 0 .74 .74 * 3 shrink .65 0 0
  light:middle:78/light oval 0 0 .5 .5, poly (0 0 .5 .5 60 300) (.2 0 .526 .435 276 84)
  light:second:35 dot:.05 -.37 -.1, dot:.065 -.36 .14, dot:.035 -.22 -.34
  light@30 ring:.012 .12 -.08 .07 .07, .25 .14 .045 .045
sun sky .42 .55 - sun sunshine ~shining
  light@12 oval 0 0 .8 .8 * 3 shrink .65 0 0
  second:light:25 star:16 0 0 .5 .36
  second/light star:8 0 0 .58 .34, oval 0 0 .36 .36
  second@90 ring:.018 0 0 .29 .29
  main@55/second@45 ring:.012 0 0 .22 .22, poly (0 0 .2 .2 100 280)
star sky .34 .5 - star starry+ constellation+ ~shining ~twinkling
  pick glint | light / second
  glint@7 oval 0 0 .5 .5 * 3 shrink .65 0 0
  glint:main:45 star:4 0 0 .05 .3
  glint star:4 0 0 .5 .07
  main dot:.018 .37 .15 * 8 turn 45 0 0
  pale dot:.06 0 0
cloud sky .46 .45 - cloud cloudy+ ~drifting
  pale:low:25 oval -.26 0 .13 .13, -.04 -.07 .2 .2, .22 0 .14 .14, box:.07 -.5 -.01 .46 .13
  pale:low:25:middle:30 box:.03 -.4 .075 .3 .13
  middle@40 line:.018 (-.04 -.07 .14 .14 190 290), (.22 0 .09 .09 200 320)
bird sky .42 .5 - bird crane gull swallow sparrow raven crow ~flying
  pick body under | pale pale:middle:40 / dark dark:middle:40
  under poly -.02 .02 .16 .05 .06 .42 -.02 .3
  body blob .52 -.09 .3 -.07 .05 -.02 -.26 .08 -.08 .13 .2 .08, poly -.08 .06 .16 .02 .02 -.24 -.24 -.46 -.2 -.2
  second/main poly .5 -.115 .62 -.09 .5 -.07, -.2 .06 -.46 .16 -.2 .13
  body:main:55/main poly -.17 -.2 -.24 -.46 -.09 -.29 -.02 -.1, dot:.014 .46 -.1
  under line:.012 -.01 0 -.16 -.3, .04 0 -.12 -.27, .09 0 -.08 -.23
balloon sky .46 .45 - balloon ~hot ~air ~flying ~floating
  dark line:.012 -.16 .2 -.06 .4, .16 .2 .06 .4
  accent/pale poly (0 -.12 .4 .38 170 370) .168 .25 -.168 .25, (0 -.12 .28 .38 170 370) .118 .25 -.118 .25
  other poly (0 -.12 .14 .38 170 370) .059 .25 -.059 .25
  dark@80/pale@55 poly (0 -.12 .4 .06 0 180) (0 -.04 .39 .06 180 0), blob -.27 -.3 -.18 -.4 -.2 -.26 -.27 -.18
  second dot:.017 0 -.02, -.17 -.025, .17 -.025, -.09 -.02, .09 -.02, -.25 -.033, .25 -.033, -.33 -.047, .33 -.047
  second:dark:55/second box:.015 -.09 .4 .09 .52, -.1 .39 .1 .425
planet sky .42 .55 space planet saturn
  other:dark:35/accent line:.05 -.62 .17 .62 -.23, oval 0 0 .36 .36
  accent:dark:25/accent:dark:42/accent:pale:50 poly (0 0 .36 .36 10 170), (0 0 .36 .36 40 140), oval -.13 -.16 .1 .07
  pale@35 line:.022 -.12 -.2 .285 -.2, -.14 -.08 .335 -.08
  other poly -.62 .2 -.3 .2 .1 .09 .62 -.2 .12 0 -.34 .12
rocket sky .5 .5 space rocket spaceship spacecraft ~flying
  second blob -.25 .25 -.09 .34 -.23 .5 -.36 .63 -.32 .45
  pale blob -.21 .27 -.13 .32 -.26 .45
  main poly -.15 .03 -.37 .09 -.45 .25 -.25 .24, .05 .15 .11 .37 .01 .52 -.08 .34
  pale blob .28 -.49 .26 -.22 .15 .07 -.07 .35 -.27 .24 -.13 -.1 .06 -.34
  pale:middle:45 blob .27 -.43 .26 -.22 .15 .07 -.07 .35 -.12 .33 .07 .04 .2 -.23
  main/second/dark poly .285 -.5 .29 -.36 .265 -.23 .065 -.34 .165 -.43, oval .05 -.09 .085 .085, .05 -.09 .06 .06
  main/main/pale@60/pale@60/pale@60 line:.016 -.2 .07 .04 .21, -.24 .14 0 .28, dot:.04 -.29 .7, -.49 .65, -.43 .79
butterfly sky .38 .5 hills butterfly moth ~flying
  main/second blob 0 -.02 .12 -.3 .4 -.4 .48 -.2 .28 .02, 0 .02 .26 .04 .36 .2 .24 .36 .08 .22 * mirror
  main:pale:45/main blob .08 -.06 .18 -.26 .36 -.31 .36 -.18 .22 -.02, dot:.06 .22 .2 * mirror
  pale dot:.022 .38 -.33, .43 -.24, .3 .26, .31 .17 * mirror
  dark@60 line:.012 .03 -.04 .34 -.28 * mirror
  dark line:.014 0 -.16 .06 -.3 .13 -.36, oval 0 .02 .035 .22 * mirror
heart sky .38 .5 - heart valentine
  dark@25 blob .03 .48 -.27 .18 -.41 -.08 -.27 -.32 -.07 -.3 .03 -.16 .13 -.3 .33 -.32 .47 -.08 .33 .18
  main blob 0 .44 -.3 .14 -.44 -.12 -.3 -.36 -.1 -.34 0 -.2 .1 -.34 .3 -.36 .44 -.12 .3 .14
  main:dark:22/pale@75 blob 0 .44 .3 .14 .44 -.12 .34 -.33 .3 -.06 .14 .2, -.32 -.14 -.26 -.27 -.16 -.26 -.25 -.12
  second dot:.022 -.24 -.12, -.12 -.07, 0 -.02, .12 -.07, .24 -.12
tree stand .52 .36 hills tree oak orchard+
  pick crown | mid:main:15 | far:second:35 | main
  dark/crown poly -.045 0 -.025 -.5 .025 -.5 .045 0, oval 0 -.64 .31 .36
  crown:dark:25/crown:pale:60@80 poly (0 -.64 .31 .36 270 450), oval -.12 -.78 .09 .1
  dark line:.02 0 -.1 0 -.82, 0 -.42 -.14 -.58, 0 -.52 .13 -.68
  second dot:.024 -.19 -.6, -.1 -.5, -.06 -.7, .04 -.84, .06 -.6, .09 -.47, .15 -.75, .2 -.56, -.17 -.83
pine stand .54 .32 forest pine fir spruce
  pick needles | mid:dark:15 | mid:dark:30 | mid:dark:45
  dark:second:25 box -.035 -.2 .035 0
  needles poly 0 -.7 .3 -.12 .15 -.15 0 -.105 -.15 -.15 -.3 -.12 * 3 shrink .76 0 -1.5
  needles:dark:45 poly 0 -.7 .3 -.12 .15 -.15 0 -.105 * 3 shrink .76 0 -1.5
  pale@75 poly 0 -1.03 -.07 -.86 -.03 -.88
flower stand .5 .32 hills flower blossom daisy sunflower bouquet+ garden+
  dark curve:.03 0 0 .02 -.3 0 -.66
  near:dark:45 blob 0 -.12 -.12 -.3 -.27 -.34 -.16 -.14, 0 -.24 .12 -.42 .27 -.46 .16 -.26
  accent oval .17 -.72 .105 .105 * 8 turn 45 0 -.72
  accent:pale:45 dot:.055 .195 -.72 * 8 turn 45 0 -.72
  dark@60 line:.012 0 -.72 .12 -.67 * 8 turn 45 0 -.72
  other oval 0 -.72 .1 .1
  dark dot:.012 .07 -.72 * 6 turn 60 0 -.72
house stand .42 .5 hills house home cottage cabin village+ hut barn ~little
  pick wall | pale | pale | pale | second:pale:35 | second:pale:35
  dark/wall/main box .14 -.98 .26 -.6, -.38 -.56 .38 0, poly -.46 -.54 0 -.94 .46 -.54
  wall:middle:30/main:dark:30/light box .06 -.54 .38 0, poly 0 -.94 .46 -.54 .06 -.54, dot:.055 -.1 -.67
  dark/pane/window box -.06 -.3 .08 0, -.29 -.44 -.15 -.26, .16 -.44 .3 -.26
  dark/dark/main line:.014 -.22 -.44 -.22 -.26, -.29 -.35 -.15 -.35, box -.3 -.26 -.14 -.235 * 2 shift .45 0
  dark@45 line:.01 -.09 -.86 .09 -.86, -.18 -.78 .18 -.78, -.28 -.7 .28 -.7, -.37 -.62 .37 -.62
  pale@45 oval .2 -1.06 .04 .035, .25 -1.16 .058 .05, .3 -1.26 .076 .065
tower stand .62 .42 mountains tower temple pagoda shrine ~japanese
  second/dark line:.02 0 -1 0 -.74, box -.34 -.045 .34 0
  pale:second:30 box -.25 -.24 .25 -.045 * 4 shrink .86 0 -1.58
  second:dark:30 box .05 -.24 .25 -.045 * 4 shrink .86 0 -1.58
  pane/window box -.025 -.175 .025 -.085 * 4 shrink .86 0 -1.58
  window/pane box .1 -.175 .15 -.085 * mirror * 4 shrink .86 0 -1.58
  main poly -.42 -.245 -.39 -.185 .39 -.185 .42 -.245 .2 -.27 .14 -.315 -.14 -.315 -.2 -.27 * 4 shrink .86 0 -1.58
  dark@50 line:.01 .04 -.31 .1 -.205, .08 -.31 .21 -.205, .12 -.31 .32 -.205 * mirror * 4 shrink .86 0 -1.58
  second oval .4 -.165 .018 .022 * mirror * 4 shrink .86 0 -1.58
lighthouse stand .62 .36 sea lighthouse beacon
  light@28/light@16 poly 0 -.86 -20 -2.5 -20 .32, 0 -.86 20 -2.04 20 .08
  dark/main poly -.36 .03 -.22 -.09 .2 -.1 .38 .03, -.17 -.04 .17 -.04 .1 -.76 -.1 -.76
  pale poly -.1525 -.22 .1525 -.22 .135 -.4 -.135 -.4, -.1175 -.58 .1175 -.58 .1 -.76 -.1 -.76
  dark@28 poly .035 -.04 .17 -.04 .1 -.76 .035 -.76
  dark box:.03 -.15 -.79 .15 -.755, -.035 -.14 .035 -.04
  light/main box -.075 -.92 .075 -.79, poly -.11 -.92 0 -1.02 .11 -.92
  dark box:.01 -.025 -.32 .015 -.26 * 3 shift 0 -.17
  dark box .142 -.83 .15 -.79, .092 -.83 .1 -.79, .042 -.83 .05 -.79, .02 -.92 .028 -.79 * mirror
mushroom stand .38 .46 forest mushroom toadstool fungus
  pale blob -.1 -.5 .1 -.5 .1 -.2 .16 0 -.16 0 -.1 -.2
  pale:middle:40 poly .02 -.5 .1 -.5 .1 -.2 .15 0 .04 0
  pale:dark:35/main oval 0 -.47 .38 .07, poly (0 -.47 .42 .48 180 360)
  main:dark:25 poly (.02 -.47 .4 .46 292 360)
  pale oval -.2 -.66 .06 .05, .05 -.76 .08 .07, .24 -.6 .05 .043, -.02 -.56 .035 .03
  dark poly -.28 .01 -.26 -.12 -.24 0 -.21 -.09 -.19 .01, .18 .01 .2 -.12 .22 0 .25 -.09 .27 .01
cactus stand .48 .36 dunes cactus cacti+ saguaro
  second:dark:25 box:.06 -.28 -.4 0 -.28, 0 -.52 .28 -.4, -.3 -.62 -.18 -.29, .18 -.74 .3 -.41, box:.11 -.11 -.96 .11 .01
  second:dark:47/main box:.03 .03 -.9 .1 0, oval 0 -.96 .05 .04
  pale@40 line:.01 -.06 -.88 -.06 -.02, 0 -.88 0 -.02, .06 -.88 .06 -.02
  pale line:.01 -.1 -.1 -.15 -.13 * 7 shift 0 -.12
cat stand .48 .42 - cat kitten kitty ~sitting
  pick fur line | main dark | pale dark / dark pale | main dark | pale dark
  fur curve:.075 .2 -.06 .4 -.04 .46 -.2 .36 -.36 .44 -.5, blob 0 -.66 -.2 -.46 -.28 -.12 -.22 0 .22 0 .28 -.12 .2 -.46
  fur oval 0 -.72 .235 .2, poly .22 -.74 .22 -1 .05 -.88 * mirror
  main:pale:50 poly .19 -.84 .195 -.94 .11 -.89 * mirror
  second/dark oval .095 -.73 .048 .052, .095 -.73 .018 .046 * mirror
  pale dot:.012 .081 -.75, -.109 -.75
  line@80 line:.009 .09 -.645 .34 -.69, .09 -.645 .34 -.655, .09 -.645 .34 -.62 * mirror
  main:line:40 poly -.03 -.665 .03 -.665 0 -.63
  fur:pale:30 blob 0 -.5 -.1 -.36 -.07 -.14 .07 -.14 .1 -.36
  line@60 line:.014 .065 -.16 .065 0 * mirror
  second curve:.035 -.15 -.54 0 -.51 .15 -.54
  line@50 line:.02 .25 -.29 .17 -.34, .25 -.21 .17 -.26, .25 -.13 .17 -.18 * mirror
robot stand .52 .4 city robot android droid ~standing
  pick metal trim | pale main | middle:pale:55 second
  metal:dark:40/trim box .05 -.22 .17 -.03, box:.04 .025 -.07 .225 0 * mirror
  metal:dark:40/trim line:.06 .22 -.52 .34 -.4 .33 -.26, oval .33 -.24 .055 .055 * mirror
  dark/dark/metal/metal box -.06 -.64 .06 -.57, -.011 -.97 .011 -.9, box:.05 -.24 -.58 .24 -.18, box:.07 -.2 -.9 .2 -.62
  metal:dark:20/metal:dark:20/dark box:.04 .1 -.56 .24 -.2, .1 -.88 .2 -.64, -.17 -.52 .1 -.34
  trim/dark/light/light dot:.035 0 -.985, box:.06 -.16 -.84 .16 -.71, dot:.042 .075 -.775, -.075 -.775
  main dot:.02 .085 -.775, -.065 -.775
  dark box -.075 -.685 -.05 -.655 * 4 shift .042 0
  second line:.014 -.15 -.4 -.1 -.4 -.07 -.48 -.03 -.37 0 -.42 .08 -.42
  main/second/dark dot:.026 -.14 -.26 * 3 shift .08 0
car stand .3 1 city car automobile taxi ~parked
  pick beam | light@28 / none
  beam/pale poly .86 -.27 1.7 -.4 1.7 .02, blob -.46 -.38 -.34 -.62 -.1 -.68 .16 -.66 .36 -.42
  dark:middle:40 poly -.38 -.4 -.29 -.58 -.06 -.61 -.06 -.4, -.01 -.4 -.01 -.61 .14 -.59 .29 -.4
  accent poly -.9 -.5 -.72 -.42 -.4 -.4 .36 -.4 .76 -.36 .9 -.27 .9 -.13 .82 -.09 -.84 -.09 -.9 -.16
  accent:dark:28/pale poly -.9 -.22 .9 -.22 .9 -.13 .82 -.09 -.84 -.09 -.9 -.16, -.84 -.31 .66 -.31 .4 -.26 -.84 -.25
  light/other oval .85 -.27 .05 .055, box:.02 -.92 -.36 -.86 -.26
  dark oval .52 -.12 .165 .165 * mirror
  pale oval .52 -.12 .105 .105 * mirror
  pale:dark:45/pale oval .52 -.12 .055 .055, box:.02 .76 -.12 .96 -.07 * mirror
  dark@70 line:.01 -.03 -.4 -.05 -.12, .33 -.4 .31 -.12
  dark dot:.012 .6 -.12 * 6 turn 60 .52 -.12 * mirror
cup stand .42 .5 - cup coffee tea mug espresso ~steaming ~hot
  pick china | main | main | main | pale | pale
  second oval 0 -.04 .46 .065
  second:dark:25 oval 0 -.055 .36 .045
  china ring:.055 .34 -.34 .15 .16, poly -.36 -.58 .36 -.58 (0 -.42 .34 .36 20 160)
  china:dark:22/pale@70 poly .08 -.58 .36 -.58 (0 -.42 .34 .36 20 80), blob -.28 -.46 -.22 -.46 -.19 -.24 -.24 -.26
  china:pale:50/dark:second:30 oval 0 -.58 .36 .06, 0 -.575 .31 .042
  pale@75 curve:.026 .02 -.66 .055 -.74 0 -.84 .02 -.94 .045 -1.02
  pale@75 curve:.026 -.14 -.66 -.105 -.72 -.16 -.8 -.14 -.88 -.115 -.94 * 2 shift .32 0
  second poly -.2 -.44 -.15 -.38 -.2 -.32 -.25 -.38 * 4 shift .13 0
shop stand .46 .56 city shop store stall kiosk ~small
  pick wall | second:pale:35 | pale | pale:second:30
  dark/wall box -.5 -.86 .5 -.66, -.46 -.66 .46 0
  wall:middle:30 box .12 -.66 .46 0
  dark/pane box -.4 -.42 .06 -.1, -.37 -.39 .03 -.13
  dark/light line:.014 -.17 -.39 -.17 -.13, dot:.05 -.27 -.24, dot:.05 -.07 -.24
  dark/window box .14 -.42 .38 0, .18 -.38 .34 -.2
  second dot:.016 .19 -.16
  main poly -.46 -.66 .46 -.66 .54 -.46 -.54 -.46
  pale poly -.276 -.66 -.092 -.66 -.108 -.46 -.324 -.46, .092 -.66 .276 -.66 .324 -.46 .108 -.46
  main/pale oval -.43 -.46 .108 .035, -.215 -.46 .108 .035, 0 -.46 .108 .035, .215 -.46 .108 .035, .43 -.46 .108 .035
  pale box:.02 -.34 -.8 .34 -.72
  second dot:.022 -.42 -.76, .42 -.76
teapot stand .4 .62 - teapot kettle ~steaming
  second oval 0 -.03 .5 .05
  main ring:.07 .42 -.36 .2 .2
  main curve:.13 -.3 -.26 -.46 -.3 -.5 -.46 -.6 -.6
  main blob -.42 -.3 -.34 -.58 0 -.68 .34 -.58 .42 -.3 .3 -.06 0 -.02 -.3 -.06
  main:dark:25 blob .1 -.66 .34 -.58 .42 -.3 .3 -.06 .02 -.02 .22 -.32
  pale@60 blob -.3 -.46 -.22 -.55 -.18 -.5 -.26 -.3 -.31 -.34
  dark/main:pale:30/second box:.02 -.2 -.69 .2 -.65, poly (0 -.68 .19 .14 180 360), dot:.05 0 -.85
  second line:.012 -.38 -.22 .38 -.22
  pale dot:.02 -.2 -.3 * 4 shift .13 0
  pale@75 curve:.024 -.64 -.66 -.6 -.74 -.66 -.82 -.62 -.92
umbrella stand .46 .5 city umbrella parasol ~open
  dark/main line:.028 0 -.98 0 -.1 (.06 -.1 .06 .08 180 20), poly (0 -.5 .5 .44 180 360)
  pale/second poly (0 -.5 .28 .44 180 360), (0 -.5 .1 .44 180 360)
  main:dark:25 poly (0 -.5 .5 .44 300 360) .28 -.5 .24 -.66
  dark:main:40 poly (0 -.49 .105 .06 180 360), (.19 -.49 .105 .06 180 360), (.39 -.49 .105 .06 180 360) * mirror
  dark@60 line:.01 (0 -.5 .28 .44 180 360), (0 -.5 .1 .44 180 360)
  second dot:.022 .38 -.64, .32 -.75 * mirror
boat water .44 .5 sea boat ship sailboat yacht ~sailing ~floating
  dark@30/dark oval 0 0 .5 .035, line:.024 0 -.1 0 -.98
  pale/second blob .03 -.96 .2 -.6 .42 -.2 .2 -.19 .03 -.18 .04 -.5, poly -.03 -.88 -.06 -.2 -.36 -.2 -.2 -.46
  main/second:dark:25 poly .03 -.46 .28 -.46 .335 -.36 .03 -.36, -.03 -.88 -.06 -.2 -.14 -.2
  main poly 0 -1 -.14 -.96 0 -.92, -.48 -.15 .5 -.15 .36 .01 -.34 .01
  pale poly -.48 -.15 .5 -.15 .47 -.11 -.44 -.11
  pale dot:.022 -.24 -.06 * 4 shift .18 0
  pale@45 line:.018 -.34 .05 .34 .05, -.2 .09 .2 .09, -.1 .13 .1 .13
fish water .4 .6 sea fish koi goldfish ~swimming
  other blob -.34 0 -.56 -.2 -.6 -.02 -.56 .2, -.1 -.16 .02 -.34 .2 -.3 .16 -.14, -.06 .14 -.1 .3 .08 .24 .1 .14
  accent blob .5 .02 .3 -.17 0 -.2 -.38 -.02 0 .19 .3 .18
  accent:pale:65/dark@60 blob .46 .06 .2 .1 -.34 .02 0 .18 .3 .17, line:.02 (.18 0 .12 .17 -75 75)
  pale/dark dot:.045 .36 -.05, dot:.024 .37 -.05
  dark@50 line:.012 (-.08 -.095 .05 .04 -80 80), (-.08 -.02 .05 .04 -80 80), (-.08 .055 .05 .04 -80 80) * 3 shift .11 0
  pale@80 ring:.012 .6 -.14 .035 .035, .68 -.26 .025 .025, .63 -.36 .018 .018
halves free .42 .5 -
  accent/other poly (0 -.09 .45 .45 90 270), (0 .09 .45 .45 270 450)
  accent:dark:35/other:pale:50 poly (0 -.09 .26 .26 90 270), (0 .09 .26 .26 270 450)
  dark@50 line:.01 (0 .09 .3 .3 280 440), (0 .09 .335 .335 280 440), (0 .09 .37 .37 280 440), (0 .09 .405 .405 280 440)
rings free .42 .5 -
  accent/other oval 0 0 .46 .46, 0 0 .23 .23
  pale/dark ring:.11 0 0 .34 .34, oval 0 0 .12 .12
  dark dot:.014 .4 0 * 24 turn 15 0 0
burst free .46 .5 -
  pale line:.02 0 0 .45 .14, line:.02 0 0 .22 .23 * 6 turn 60 0 0
  main/second dot:.045 .45 .14, dot:.03 .22 .23 * 6 turn 60 0 0
  second oval 0 0 .11 .11
  dark star:6 0 0 .09 .04
boomerang free .44 .5 -
  accent blob -.44 -.06 -.3 -.32 .02 -.3 .34 -.38 .46 -.12 .26 .1 .16 .36 -.14 .4 -.3 .2
  other/dark blob -.28 -.03 -.19 -.19 -.01 -.17 .18 -.22 .25 -.07 .13 .06 .07 .21 -.1 .23 -.19 .12, dot:.06 -.08 -.06
  light dot:.022 .3 -.1, .22 -.06, .14 -.02, -.1 .26, -.1 .18
arches free .4 .5 -
  accent/pale poly (0 .06 .46 .46 180 360) .46 .4 -.46 .4, (0 .06 .26 .26 180 360) .26 .4 -.26 .4
  other/mid line:.1 -.31 .4 (0 .06 .31 .31 180 360) .31 .4, poly (0 .06 .16 .16 180 360) .16 .4 -.16 .4
  dark dot:.014 -.41 .06 * 15 turn 12.857 0 .06
  dark box:.02 -.5 .38 .5 .42
leaf free .42 .35 -
  accent/accent:pale:45 blob 0 -.5 -.2 -.22 -.2 .08 0 .34 0 -.1 * mirror
  dark line:.022 0 -.4 0 .5
  dark line:.014 0 -.12 .12 -.26, 0 .06 .12 -.08, 0 .24 .12 .1 * mirror
  pale@80 line:.008 0 -.22 .08 -.32, 0 -.06 .08 -.16, 0 .12 .08 .02, 0 .27 .08 .17 * mirror
"""


class Motif(NamedTuple):
    """A thing that the painter can draw; the docstring of this module describes the attributes."""

    drawing: Drawing
    region: str
    size: float
    reach: float
    home: str
    keywords: frozenset[str]
    collectives: frozenset[str]
    attributes: frozenset[str]


def _sorted(words: list[str]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Returns keywords, those that stand for several, and attributes."""
    keywords = {word.rstrip("+") for word in words if word[0] != "~"}
    return (
        frozenset(keywords),
        frozenset(w[:-1] for w in words if w[-1] == "+"),
        frozenset(w[1:] for w in words if w[0] == "~"),
    )


_inks, *_drawings = read_drawings(_MOTIFS)
MOTIFS: dict[str, Motif] = {}
for _drawing in _drawings:
    _region, _size, _reach, _home, *_words = _drawing.facts
    _look = _drawing._replace(choices=_inks.choices + _drawing.choices)
    MOTIFS[_drawing.name] = Motif(_look, _region, float(_size), float(_reach), _home, *_sorted(_words))
