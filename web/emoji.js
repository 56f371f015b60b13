// the chat page's emoji, Apache-2.0, made of web/emoji; names: gemoji, MIT, Titus Wormer
var x="Segmenter"in Intl?new Intl.Segmenter(void 0,{granularity:"grapheme"}):null;function c(r,o={},...t){let i=document.createElement(r);for(let[a,n]of Object.entries(o))typeof n=="function"?i.addEventListener(a.slice(2),n):n===!0?i.setAttribute(a,""):n!==void 0&&n!==!1&&i.setAttribute(a,String(n));return i.append(...t.filter(a=>a||a==="")),i}var b=`# Smileys & Emotion
😀 grinning	face smile happy
😃 smiley	grinning face with big eyes happy joy haha
😄 smile	grinning face with smiling eyes happy joy laugh pleased
😁 grin	beaming face with smiling eyes
😆 laughing satisfied	grinning squinting face happy haha
😅 sweat_smile	grinning face with hot
🤣 rofl	rolling on the floor laughing lol
😂 joy	face with tears of
🙂 slightly_smiling_face
🙃 upside_down_face
🫠 melting_face	sarcasm dread
😉 wink	winking face flirt
😊 blush	smiling face with eyes proud
😇 innocent	smiling face with halo angel
🥰 smiling_face_with_three_hearts	love
😍 heart_eyes	smiling face with love crush
🤩 star_struck	eyes
😘 kissing_heart	face blowing a kiss flirt
😗 kissing	face
☺️ relaxed	smiling face blush pleased
😚 kissing_closed_eyes	face with
😙 kissing_smiling_eyes	face with
🥲 smiling_face_with_tear
😋 yum	face savoring food tongue lick
😛 stuck_out_tongue	face with
😜 stuck_out_tongue_winking_eye	face with prank silly
🤪 zany_face	goofy wacky
😝 stuck_out_tongue_closed_eyes	squinting face with prank
🤑 money_mouth_face	rich
🤗 hugs	smiling face with open hands
🤭 hand_over_mouth	face with quiet whoops
🫢 face_with_open_eyes_and_hand_over_mouth	gasp shock
🫣 face_with_peeking_eye
🤫 shushing_face	silence quiet
🤔 thinking	face
🫡 saluting_face	respect
🤐 zipper_mouth_face	silence hush
🤨 raised_eyebrow	face with suspicious
😐 neutral_face	meh
😑 expressionless	face
😶 no_mouth	face without mute silence
🫥 dotted_line_face	invisible
😶‍🌫️ face_in_clouds
😏 smirk	smirking face smug
😒 unamused	face meh
🙄 roll_eyes	face with rolling
😬 grimacing	face
😮‍💨 face_exhaling
🤥 lying_face	liar
🫨 shaking_face	shock
😌 relieved	face whew
😔 pensive	face
😪 sleepy	face tired
🤤 drooling_face
😴 sleeping	face zzz
😷 mask	face with medical sick ill
🤒 face_with_thermometer	sick
🤕 face_with_head_bandage	hurt
🤢 nauseated_face	sick barf disgusted
🤮 vomiting_face	barf sick
🤧 sneezing_face	achoo sick
🥵 hot_face	heat sweating
🥶 cold_face	freezing ice
🥴 woozy_face	groggy
😵 dizzy_face	with crossed out eyes
😵‍💫 face_with_spiral_eyes
🤯 exploding_head	mind blown
🤠 cowboy_hat_face
🥳 partying_face	celebration birthday
🥸 disguised_face
😎 sunglasses	smiling face with cool
🤓 nerd_face	geek glasses
🧐 monocle_face	with
😕 confused	face
🫤 face_with_diagonal_mouth	confused
😟 worried	face nervous
🙁 slightly_frowning_face
☹️ frowning_face
😮 open_mouth	face with surprise impressed wow
😯 hushed	face silence speechless
😲 astonished	face amazed gasp
😳 flushed	face
🥺 pleading_face	puppy eyes
🥹 face_holding_back_tears	gratitude
😦 frowning	face with open mouth
😧 anguished	face stunned
😨 fearful	face scared shocked oops
😰 cold_sweat	anxious face with nervous
😥 disappointed_relieved	sad but face phew sweat nervous
😢 cry	crying face sad tear
😭 sob	loudly crying face sad cry bawling
😱 scream	face screaming in fear horror shocked
😖 confounded	face
😣 persevere	persevering face struggling
😞 disappointed	face sad
😓 sweat	downcast face with
😩 weary	face tired
😫 tired_face	upset whine
🥱 yawning_face
😤 triumph	face with steam from nose smug
😡 rage pout	enraged face angry
😠 angry	face mad annoyed
🤬 cursing_face	with symbols on mouth foul
😈 smiling_imp	face with horns devil evil
👿 imp	angry face with horns devil evil
💀 skull	dead danger poison
☠️ skull_and_crossbones	danger pirate
💩 hankey poop shit	pile of poo crap
🤡 clown_face
👹 japanese_ogre	monster
👺 japanese_goblin
👻 ghost	halloween
👽 alien	ufo
👾 space_invader	alien monster game retro
🤖 robot
😺 smiley_cat	grinning
😸 smile_cat	grinning with smiling eyes
😹 joy_cat	with tears of
😻 heart_eyes_cat	smiling with
😼 smirk_cat	with wry smile
😽 kissing_cat
🙀 scream_cat	weary horror
😿 crying_cat_face	sad tear
😾 pouting_cat
🙈 see_no_evil	monkey blind ignore
🙉 hear_no_evil	monkey deaf
🙊 speak_no_evil	monkey mute hush
💌 love_letter	email envelope
💘 cupid	heart with arrow love
💝 gift_heart	with ribbon chocolates
💖 sparkling_heart
💗 heartpulse	growing heart
💓 heartbeat	beating heart
💞 revolving_hearts
💕 two_hearts
💟 heart_decoration
❣️ heavy_heart_exclamation
💔 broken_heart
❤️‍🔥 heart_on_fire
❤️‍🩹 mending_heart
❤️ heart	red love
🩷 pink_heart
🧡 orange_heart
💛 yellow_heart
💚 green_heart
💙 blue_heart
🩵 light_blue_heart
💜 purple_heart
🤎 brown_heart
🖤 black_heart
🩶 grey_heart
🤍 white_heart
💋 kiss	mark lipstick
💯 100	hundred points score perfect
💢 anger	symbol angry
💥 boom collision	explode
💫 dizzy	star
💦 sweat_drops	droplets water workout
💨 dash	dashing away wind blow fast
🕳️ hole
💬 speech_balloon	comment
👁️‍🗨️ eye_speech_bubble	in
🗨️ left_speech_bubble
🗯️ right_anger_bubble
💭 thought_balloon	thinking
💤 zzz	sleeping
# People & Body
👋 wave	waving hand goodbye
🤚 raised_back_of_hand
🖐️ raised_hand_with_fingers_splayed
✋ hand raised_hand	highfive stop
🖖 vulcan_salute	prosper spock
🫱 rightwards_hand
🫲 leftwards_hand
🫳 palm_down_hand
🫴 palm_up_hand
🫷 leftwards_pushing_hand
🫸 rightwards_pushing_hand
👌 ok_hand
🤌 pinched_fingers
🤏 pinching_hand
✌️ v	victory hand peace
🤞 crossed_fingers	luck hopeful
🫰 hand_with_index_finger_and_thumb_crossed
🤟 love_you_gesture
🤘 metal	sign of the horns
🤙 call_me_hand
👈 point_left	backhand index pointing
👉 point_right	backhand index pointing
👆 point_up_2	backhand index pointing
🖕 middle_finger fu
👇 point_down	backhand index pointing
☝️ point_up	index pointing
🫵 index_pointing_at_the_viewer
👍 +1 thumbsup	thumbs up approve ok
👎 -1 thumbsdown	thumbs down disapprove bury
✊ fist_raised fist	power
👊 fist_oncoming facepunch punch	attack
🤛 fist_left	facing
🤜 fist_right	facing
👏 clap	clapping hands praise applause
🙌 raised_hands	raising hooray
🫶 heart_hands	love
👐 open_hands
🤲 palms_up_together
🤝 handshake	deal
🙏 pray	folded hands please hope wish
✍️ writing_hand
💅 nail_care	polish beauty manicure
🤳 selfie
💪 muscle	flexed biceps flex bicep strong workout
🦾 mechanical_arm
🦿 mechanical_leg
🦵 leg
🦶 foot
👂 ear	hear sound listen
🦻 ear_with_hearing_aid
👃 nose	smell
🧠 brain
🫀 anatomical_heart
🫁 lungs
🦷 tooth
🦴 bone
👀 eyes	look see watch
👁️ eye
👅 tongue	taste
👄 lips	mouth kiss
🫦 biting_lip
👶 baby	child newborn
🧒 child
👦 boy	child
👧 girl	child
🧑 adult	person
👱 blond_haired_person	hair
👨 man	mustache father dad
🧔 bearded_person	beard
🧔‍♂️ man_beard
🧔‍♀️ woman_beard
👨‍🦰 red_haired_man	hair
👨‍🦱 curly_haired_man	hair
👨‍🦳 white_haired_man	hair
👨‍🦲 bald_man
👩 woman	girls
👩‍🦰 red_haired_woman	hair
🧑‍🦰 person_red_hair
👩‍🦱 curly_haired_woman	hair
🧑‍🦱 person_curly_hair
👩‍🦳 white_haired_woman	hair
🧑‍🦳 person_white_hair
👩‍🦲 bald_woman
🧑‍🦲 person_bald
👱‍♀️ blond_haired_woman blonde_woman	hair
👱‍♂️ blond_haired_man	hair
🧓 older_adult	person
👴 older_man	old
👵 older_woman	old
🙍 frowning_person
🙍‍♂️ frowning_man
🙍‍♀️ frowning_woman
🙎 pouting_face	person
🙎‍♂️ pouting_man
🙎‍♀️ pouting_woman
🙅 no_good	person gesturing stop halt denied
🙅‍♂️ no_good_man ng_man	gesturing stop halt denied
🙅‍♀️ no_good_woman ng_woman	gesturing stop halt denied
🙆 ok_person	gesturing
🙆‍♂️ ok_man	gesturing
🙆‍♀️ ok_woman	gesturing
💁 tipping_hand_person information_desk_person
💁‍♂️ tipping_hand_man sassy_man	information
💁‍♀️ tipping_hand_woman sassy_woman	information
🙋 raising_hand	person
🙋‍♂️ raising_hand_man
🙋‍♀️ raising_hand_woman
🧏 deaf_person
🧏‍♂️ deaf_man
🧏‍♀️ deaf_woman
🙇 bow	person bowing respect thanks
🙇‍♂️ bowing_man	respect thanks
🙇‍♀️ bowing_woman	respect thanks
🤦 facepalm	person facepalming
🤦‍♂️ man_facepalming
🤦‍♀️ woman_facepalming
🤷 shrug	person shrugging
🤷‍♂️ man_shrugging
🤷‍♀️ woman_shrugging
🧑‍⚕️ health_worker
👨‍⚕️ man_health_worker	doctor nurse
👩‍⚕️ woman_health_worker	doctor nurse
🧑‍🎓 student
👨‍🎓 man_student	graduation
👩‍🎓 woman_student	graduation
🧑‍🏫 teacher
👨‍🏫 man_teacher	school professor
👩‍🏫 woman_teacher	school professor
🧑‍⚖️ judge
👨‍⚖️ man_judge	justice
👩‍⚖️ woman_judge	justice
🧑‍🌾 farmer
👨‍🌾 man_farmer
👩‍🌾 woman_farmer
🧑‍🍳 cook
👨‍🍳 man_cook	chef
👩‍🍳 woman_cook	chef
🧑‍🔧 mechanic
👨‍🔧 man_mechanic
👩‍🔧 woman_mechanic
🧑‍🏭 factory_worker
👨‍🏭 man_factory_worker
👩‍🏭 woman_factory_worker
🧑‍💼 office_worker
👨‍💼 man_office_worker	business
👩‍💼 woman_office_worker	business
🧑‍🔬 scientist
👨‍🔬 man_scientist	research
👩‍🔬 woman_scientist	research
🧑‍💻 technologist
👨‍💻 man_technologist	coder
👩‍💻 woman_technologist	coder
🧑‍🎤 singer
👨‍🎤 man_singer	rockstar
👩‍🎤 woman_singer	rockstar
🧑‍🎨 artist
👨‍🎨 man_artist	painter
👩‍🎨 woman_artist	painter
🧑‍✈️ pilot
👨‍✈️ man_pilot
👩‍✈️ woman_pilot
🧑‍🚀 astronaut
👨‍🚀 man_astronaut	space
👩‍🚀 woman_astronaut	space
🧑‍🚒 firefighter
👨‍🚒 man_firefighter
👩‍🚒 woman_firefighter
👮 police_officer cop	law
👮‍♂️ policeman	man police officer law cop
👮‍♀️ policewoman	woman police officer law cop
🕵️ detective	sleuth
🕵️‍♂️ male_detective	man sleuth
🕵️‍♀️ female_detective	woman sleuth
💂 guard
💂‍♂️ guardsman	man guard
💂‍♀️ guardswoman	woman guard
🥷 ninja
👷 construction_worker	helmet
👷‍♂️ construction_worker_man	helmet
👷‍♀️ construction_worker_woman	helmet
🫅 person_with_crown
🤴 prince	crown royal
👸 princess	crown royal
👳 person_with_turban	wearing
👳‍♂️ man_with_turban	wearing
👳‍♀️ woman_with_turban	wearing
👲 man_with_gua_pi_mao	person skullcap
🧕 woman_with_headscarf	hijab
🤵 person_in_tuxedo	groom marriage wedding
🤵‍♂️ man_in_tuxedo
🤵‍♀️ woman_in_tuxedo
👰 person_with_veil	marriage wedding
👰‍♂️ man_with_veil
👰‍♀️ woman_with_veil bride_with_veil
🤰 pregnant_woman
🫃 pregnant_man
🫄 pregnant_person
🤱 breast_feeding	nursing
👩‍🍼 woman_feeding_baby
👨‍🍼 man_feeding_baby
🧑‍🍼 person_feeding_baby
👼 angel	baby
🎅 santa	claus christmas
🤶 mrs_claus	santa
🧑‍🎄 mx_claus
🦸 superhero
🦸‍♂️ superhero_man
🦸‍♀️ superhero_woman
🦹 supervillain
🦹‍♂️ supervillain_man
🦹‍♀️ supervillain_woman
🧙 mage	wizard
🧙‍♂️ mage_man	wizard
🧙‍♀️ mage_woman	wizard
🧚 fairy
🧚‍♂️ fairy_man
🧚‍♀️ fairy_woman
🧛 vampire
🧛‍♂️ vampire_man
🧛‍♀️ vampire_woman
🧜 merperson
🧜‍♂️ merman
🧜‍♀️ mermaid
🧝 elf
🧝‍♂️ elf_man
🧝‍♀️ elf_woman
🧞 genie
🧞‍♂️ genie_man
🧞‍♀️ genie_woman
🧟 zombie
🧟‍♂️ zombie_man
🧟‍♀️ zombie_woman
🧌 troll
💆 massage	person getting spa
💆‍♂️ massage_man	getting spa
💆‍♀️ massage_woman	getting spa
💇 haircut	person getting beauty
💇‍♂️ haircut_man	getting
💇‍♀️ haircut_woman	getting
🚶 walking	person
🚶‍♂️ walking_man
🚶‍♀️ walking_woman
🧍 standing_person
🧍‍♂️ standing_man
🧍‍♀️ standing_woman
🧎 kneeling_person
🧎‍♂️ kneeling_man
🧎‍♀️ kneeling_woman
🧑‍🦯 person_with_probing_cane	white
👨‍🦯 man_with_probing_cane	white
👩‍🦯 woman_with_probing_cane	white
🧑‍🦼 person_in_motorized_wheelchair
👨‍🦼 man_in_motorized_wheelchair
👩‍🦼 woman_in_motorized_wheelchair
🧑‍🦽 person_in_manual_wheelchair
👨‍🦽 man_in_manual_wheelchair
👩‍🦽 woman_in_manual_wheelchair
🏃 runner running	person exercise workout marathon
🏃‍♂️ running_man	exercise workout marathon
🏃‍♀️ running_woman	exercise workout marathon
💃 woman_dancing dancer	dress
🕺 man_dancing	dancer
🕴️ business_suit_levitating	person in
👯 dancers	people with bunny ears
👯‍♂️ dancing_men	with bunny ears
👯‍♀️ dancing_women	with bunny ears
🧖 sauna_person	in steamy room
🧖‍♂️ sauna_man	in steamy room
🧖‍♀️ sauna_woman	in steamy room
🧗 climbing	person bouldering
🧗‍♂️ climbing_man	bouldering
🧗‍♀️ climbing_woman	bouldering
🤺 person_fencing
🏇 horse_racing
⛷️ skier
🏂 snowboarder
🏌️ golfing	person
🏌️‍♂️ golfing_man
🏌️‍♀️ golfing_woman
🏄 surfer	person surfing
🏄‍♂️ surfing_man
🏄‍♀️ surfing_woman
🚣 rowboat	person rowing boat
🚣‍♂️ rowing_man	boat
🚣‍♀️ rowing_woman	boat
🏊 swimmer	person swimming
🏊‍♂️ swimming_man
🏊‍♀️ swimming_woman
⛹️ bouncing_ball_person	basketball
⛹️‍♂️ bouncing_ball_man basketball_man
⛹️‍♀️ bouncing_ball_woman basketball_woman
🏋️ weight_lifting	person weights gym workout
🏋️‍♂️ weight_lifting_man	weights gym workout
🏋️‍♀️ weight_lifting_woman	weights gym workout
🚴 bicyclist	person biking
🚴‍♂️ biking_man
🚴‍♀️ biking_woman
🚵 mountain_bicyclist	person biking
🚵‍♂️ mountain_biking_man
🚵‍♀️ mountain_biking_woman
🤸 cartwheeling	person
🤸‍♂️ man_cartwheeling
🤸‍♀️ woman_cartwheeling
🤼 wrestling	people
🤼‍♂️ men_wrestling
🤼‍♀️ women_wrestling
🤽 water_polo	person playing
🤽‍♂️ man_playing_water_polo
🤽‍♀️ woman_playing_water_polo
🤾 handball_person	playing
🤾‍♂️ man_playing_handball
🤾‍♀️ woman_playing_handball
🤹 juggling_person
🤹‍♂️ man_juggling
🤹‍♀️ woman_juggling
🧘 lotus_position	person in meditation
🧘‍♂️ lotus_position_man	in meditation
🧘‍♀️ lotus_position_woman	in meditation
🛀 bath	person taking shower
🛌 sleeping_bed	person in
🧑‍🤝‍🧑 people_holding_hands	couple date
👭 two_women_holding_hands	couple date
👫 couple	woman and man holding hands date
👬 two_men_holding_hands	couple date
💏 couplekiss	kiss
👩‍❤️‍💋‍👨 couplekiss_man_woman	kiss
👨‍❤️‍💋‍👨 couplekiss_man_man	kiss
👩‍❤️‍💋‍👩 couplekiss_woman_woman	kiss
💑 couple_with_heart
👩‍❤️‍👨 couple_with_heart_woman_man
👨‍❤️‍👨 couple_with_heart_man_man
👩‍❤️‍👩 couple_with_heart_woman_woman
👪 family	home parents child
👨‍👩‍👦 family_man_woman_boy
👨‍👩‍👧 family_man_woman_girl
👨‍👩‍👧‍👦 family_man_woman_girl_boy
👨‍👩‍👦‍👦 family_man_woman_boy_boy
👨‍👩‍👧‍👧 family_man_woman_girl_girl
👨‍👨‍👦 family_man_man_boy
👨‍👨‍👧 family_man_man_girl
👨‍👨‍👧‍👦 family_man_man_girl_boy
👨‍👨‍👦‍👦 family_man_man_boy_boy
👨‍👨‍👧‍👧 family_man_man_girl_girl
👩‍👩‍👦 family_woman_woman_boy
👩‍👩‍👧 family_woman_woman_girl
👩‍👩‍👧‍👦 family_woman_woman_girl_boy
👩‍👩‍👦‍👦 family_woman_woman_boy_boy
👩‍👩‍👧‍👧 family_woman_woman_girl_girl
👨‍👦 family_man_boy
👨‍👦‍👦 family_man_boy_boy
👨‍👧 family_man_girl
👨‍👧‍👦 family_man_girl_boy
👨‍👧‍👧 family_man_girl_girl
👩‍👦 family_woman_boy
👩‍👦‍👦 family_woman_boy_boy
👩‍👧 family_woman_girl
👩‍👧‍👦 family_woman_girl_boy
👩‍👧‍👧 family_woman_girl_girl
🗣️ speaking_head
👤 bust_in_silhouette	user
👥 busts_in_silhouette	users group team
🫂 people_hugging
👣 footprints	feet tracks
# Animals & Nature
🐵 monkey_face
🐒 monkey
🦍 gorilla
🦧 orangutan
🐶 dog	face pet
🐕 dog2	dog
🦮 guide_dog
🐕‍🦺 service_dog
🐩 poodle	dog
🐺 wolf
🦊 fox_face
🦝 raccoon
🐱 cat	face pet
🐈 cat2	cat
🐈‍⬛ black_cat
🦁 lion
🐯 tiger	face
🐅 tiger2	tiger
🐆 leopard
🐴 horse	face
🫎 moose	canada
🫏 donkey	mule
🐎 racehorse	horse speed
🦄 unicorn
🦓 zebra
🦌 deer
🦬 bison
🐮 cow	face
🐂 ox
🐃 water_buffalo
🐄 cow2	cow
🐷 pig	face
🐖 pig2	pig
🐗 boar
🐽 pig_nose
🐏 ram
🐑 sheep	ewe
🐐 goat
🐪 dromedary_camel	desert
🐫 camel	two hump
🦙 llama
🦒 giraffe
🐘 elephant
🦣 mammoth
🦏 rhinoceros
🦛 hippopotamus
🐭 mouse	face
🐁 mouse2	mouse
🐀 rat
🐹 hamster	pet
🐰 rabbit	face bunny
🐇 rabbit2	rabbit
🐿️ chipmunk
🦫 beaver
🦔 hedgehog
🦇 bat
🐻 bear
🐻‍❄️ polar_bear
🐨 koala
🐼 panda_face
🦥 sloth
🦦 otter
🦨 skunk
🦘 kangaroo
🦡 badger
🐾 feet paw_prints
🦃 turkey	thanksgiving
🐔 chicken
🐓 rooster
🐣 hatching_chick
🐤 baby_chick
🐥 hatched_chick	front facing baby
🐦 bird
🐧 penguin
🕊️ dove	peace
🦅 eagle
🦆 duck
🦢 swan
🦉 owl
🦤 dodo
🪶 feather
🦩 flamingo
🦚 peacock
🦜 parrot
🪽 wing	fly
🐦‍⬛ black_bird
🪿 goose	honk
🐸 frog
🐊 crocodile
🐢 turtle	slow
🦎 lizard
🐍 snake
🐲 dragon_face
🐉 dragon
🦕 sauropod	dinosaur
🦖 t-rex	t rex dinosaur
🐳 whale	spouting sea
🐋 whale2	whale
🐬 dolphin flipper
🦭 seal
🐟 fish
🐠 tropical_fish
🐡 blowfish
🦈 shark
🐙 octopus
🐚 shell	spiral sea beach
🪸 coral
🪼 jellyfish
🐌 snail	slow
🦋 butterfly
🐛 bug
🐜 ant
🐝 bee honeybee
🪲 beetle
🐞 lady_beetle	bug
🦗 cricket
🪳 cockroach
🕷️ spider
🕸️ spider_web
🦂 scorpion
🦟 mosquito
🪰 fly
🪱 worm
🦠 microbe	germ
💐 bouquet	flowers
🌸 cherry_blossom	flower spring
💮 white_flower
🪷 lotus
🏵️ rosette
🌹 rose	flower
🥀 wilted_flower
🌺 hibiscus
🌻 sunflower
🌼 blossom
🌷 tulip	flower
🪻 hyacinth
🌱 seedling	plant
🪴 potted_plant
🌲 evergreen_tree	wood
🌳 deciduous_tree	wood
🌴 palm_tree
🌵 cactus
🌾 ear_of_rice	sheaf
🌿 herb
☘️ shamrock
🍀 four_leaf_clover	luck
🍁 maple_leaf	canada
🍂 fallen_leaf	autumn
🍃 leaves	leaf fluttering in wind
🪹 empty_nest
🪺 nest_with_eggs
🍄 mushroom	fungus
# Food & Drink
🍇 grapes
🍈 melon
🍉 watermelon
🍊 tangerine orange mandarin
🍋 lemon
🍌 banana	fruit
🍍 pineapple
🥭 mango
🍎 apple	red
🍏 green_apple	fruit
🍐 pear
🍑 peach
🍒 cherries	fruit
🍓 strawberry	fruit
🫐 blueberries
🥝 kiwi_fruit
🍅 tomato
🫒 olive
🥥 coconut
🥑 avocado
🍆 eggplant	aubergine
🥔 potato
🥕 carrot
🌽 corn	ear of
🌶️ hot_pepper	spicy
🫑 bell_pepper
🥒 cucumber
🥬 leafy_green
🥦 broccoli
🧄 garlic
🧅 onion
🥜 peanuts
🫘 beans
🌰 chestnut
🫚 ginger_root
🫛 pea_pod
🍞 bread	toast
🥐 croissant
🥖 baguette_bread
🫓 flatbread
🥨 pretzel
🥯 bagel
🥞 pancakes
🧇 waffle
🧀 cheese	wedge
🍖 meat_on_bone
🍗 poultry_leg	meat chicken
🥩 cut_of_meat
🥓 bacon
🍔 hamburger	burger
🍟 fries	french
🍕 pizza
🌭 hotdog	hot dog
🥪 sandwich
🌮 taco
🌯 burrito
🫔 tamale
🥙 stuffed_flatbread
🧆 falafel
🥚 egg
🍳 fried_egg	cooking breakfast
🥘 shallow_pan_of_food	paella curry
🍲 stew	pot of food
🫕 fondue
🥣 bowl_with_spoon
🥗 green_salad
🍿 popcorn
🧈 butter
🧂 salt
🥫 canned_food
🍱 bento	box
🍘 rice_cracker
🍙 rice_ball
🍚 rice	cooked
🍛 curry	rice
🍜 ramen	steaming bowl noodle
🍝 spaghetti	pasta
🍠 sweet_potato	roasted
🍢 oden
🍣 sushi
🍤 fried_shrimp	tempura
🍥 fish_cake	with swirl
🥮 moon_cake
🍡 dango
🥟 dumpling
🥠 fortune_cookie
🥡 takeout_box
🦀 crab
🦞 lobster
🦐 shrimp
🦑 squid
🦪 oyster
🍦 icecream	soft ice cream
🍧 shaved_ice
🍨 ice_cream
🍩 doughnut
🍪 cookie
🎂 birthday	cake party
🍰 cake	shortcake dessert
🧁 cupcake
🥧 pie
🍫 chocolate_bar
🍬 candy	sweet
🍭 lollipop
🍮 custard
🍯 honey_pot
🍼 baby_bottle	milk
🥛 milk_glass	of
☕ coffee	hot beverage cafe espresso
🫖 teapot
🍵 tea	teacup without handle green breakfast
🍶 sake
🍾 champagne	bottle with popping cork bubbly celebration
🍷 wine_glass
🍸 cocktail	glass drink
🍹 tropical_drink	summer vacation
🍺 beer	mug drink
🍻 beers	clinking beer mugs drinks
🥂 clinking_glasses	cheers toast
🥃 tumbler_glass	whisky
🫗 pouring_liquid
🥤 cup_with_straw
🧋 bubble_tea
🧃 beverage_box
🧉 mate
🧊 ice_cube
🥢 chopsticks
🍽️ plate_with_cutlery	fork and knife dining dinner
🍴 fork_and_knife	cutlery
🥄 spoon
🔪 hocho knife	kitchen cut chop
🫙 jar
🏺 amphora
# Travel & Places
🌍 earth_africa	globe showing europe world international
🌎 earth_americas	globe showing world international
🌏 earth_asia	globe showing australia world international
🌐 globe_with_meridians	world global international
🗺️ world_map	travel
🗾 japan	map of
🧭 compass
🏔️ mountain_snow	capped
⛰️ mountain
🌋 volcano
🗻 mount_fuji
🏕️ camping
🏖️ beach_umbrella	with
🏜️ desert
🏝️ desert_island
🏞️ national_park
🏟️ stadium
🏛️ classical_building
🏗️ building_construction
🧱 bricks	brick
🪨 rock
🪵 wood
🛖 hut
🏘️ houses
🏚️ derelict_house
🏠 house
🏡 house_with_garden
🏢 office	building
🏣 post_office	japanese
🏤 european_post_office
🏥 hospital
🏦 bank
🏨 hotel
🏩 love_hotel
🏪 convenience_store
🏫 school
🏬 department_store
🏭 factory
🏯 japanese_castle
🏰 european_castle
💒 wedding	marriage
🗼 tokyo_tower
🗽 statue_of_liberty
⛪ church
🕌 mosque
🛕 hindu_temple
🕍 synagogue
⛩️ shinto_shrine
🕋 kaaba
⛲ fountain
⛺ tent	camping
🌁 foggy	karl
🌃 night_with_stars
🏙️ cityscape	skyline
🌄 sunrise_over_mountains
🌅 sunrise
🌆 city_sunset	cityscape at dusk
🌇 city_sunrise	sunset
🌉 bridge_at_night
♨️ hotsprings	hot springs
🎠 carousel_horse
🛝 playground_slide
🎡 ferris_wheel
🎢 roller_coaster
💈 barber	pole
🎪 circus_tent
🚂 steam_locomotive	train
🚃 railway_car
🚄 bullettrain_side	high speed train
🚅 bullettrain_front	bullet train
🚆 train2	train
🚇 metro
🚈 light_rail
🚉 station
🚊 tram
🚝 monorail
🚞 mountain_railway
🚋 train	tram car
🚌 bus
🚍 oncoming_bus
🚎 trolleybus
🚐 minibus
🚑 ambulance
🚒 fire_engine
🚓 police_car
🚔 oncoming_police_car
🚕 taxi
🚖 oncoming_taxi
🚗 car red_car	automobile
🚘 oncoming_automobile
🚙 blue_car	sport utility vehicle
🛻 pickup_truck
🚚 truck	delivery
🚛 articulated_lorry
🚜 tractor
🏎️ racing_car
🏍️ motorcycle
🛵 motor_scooter
🦽 manual_wheelchair
🦼 motorized_wheelchair
🛺 auto_rickshaw
🚲 bike	bicycle
🛴 kick_scooter
🛹 skateboard
🛼 roller_skate
🚏 busstop	bus stop
🛣️ motorway
🛤️ railway_track
🛢️ oil_drum
⛽ fuelpump	fuel pump
🛞 wheel
🚨 rotating_light	police car 911 emergency
🚥 traffic_light	horizontal
🚦 vertical_traffic_light	semaphore
🛑 stop_sign
🚧 construction	wip
⚓ anchor	ship
🛟 ring_buoy	life preserver
⛵ boat sailboat
🛶 canoe
🚤 speedboat	ship
🛳️ passenger_ship	cruise
⛴️ ferry
🛥️ motor_boat
🚢 ship
✈️ airplane	flight
🛩️ small_airplane	flight
🛫 flight_departure	airplane
🛬 flight_arrival	airplane
🪂 parachute
💺 seat
🚁 helicopter
🚟 suspension_railway
🚠 mountain_cableway
🚡 aerial_tramway
🛰️ artificial_satellite	orbit space
🚀 rocket	ship launch
🛸 flying_saucer	ufo
🛎️ bellhop_bell
🧳 luggage
⌛ hourglass	done time
⏳ hourglass_flowing_sand	not done time
⌚ watch	time
⏰ alarm_clock	morning
⏱️ stopwatch
⏲️ timer_clock
🕰️ mantelpiece_clock
🕛 clock12	twelve o clock
🕧 clock1230	twelve thirty
🕐 clock1	one o clock
🕜 clock130	one thirty
🕑 clock2	two o clock
🕝 clock230	two thirty
🕒 clock3	three o clock
🕞 clock330	three thirty
🕓 clock4	four o clock
🕟 clock430	four thirty
🕔 clock5	five o clock
🕠 clock530	five thirty
🕕 clock6	six o clock
🕡 clock630	six thirty
🕖 clock7	seven o clock
🕢 clock730	seven thirty
🕗 clock8	eight o clock
🕣 clock830	eight thirty
🕘 clock9	nine o clock
🕤 clock930	nine thirty
🕙 clock10	ten o clock
🕥 clock1030	ten thirty
🕚 clock11	eleven o clock
🕦 clock1130	eleven thirty
🌑 new_moon
🌒 waxing_crescent_moon
🌓 first_quarter_moon
🌔 moon waxing_gibbous_moon
🌕 full_moon
🌖 waning_gibbous_moon
🌗 last_quarter_moon
🌘 waning_crescent_moon
🌙 crescent_moon	night
🌚 new_moon_with_face
🌛 first_quarter_moon_with_face
🌜 last_quarter_moon_with_face
🌡️ thermometer
☀️ sunny	sun weather
🌝 full_moon_with_face
🌞 sun_with_face	summer
🪐 ringed_planet
⭐ star
🌟 star2	glowing star
🌠 stars	shooting star
🌌 milky_way
☁️ cloud
⛅ partly_sunny	sun behind cloud weather
⛈️ cloud_with_lightning_and_rain
🌤️ sun_behind_small_cloud
🌥️ sun_behind_large_cloud
🌦️ sun_behind_rain_cloud
🌧️ cloud_with_rain
🌨️ cloud_with_snow
🌩️ cloud_with_lightning
🌪️ tornado
🌫️ fog
🌬️ wind_face
🌀 cyclone	swirl
🌈 rainbow
🌂 closed_umbrella	weather rain
☂️ open_umbrella
☔ umbrella	with rain drops weather
⛱️ parasol_on_ground	umbrella beach_umbrella
⚡ zap	high voltage lightning thunder
❄️ snowflake	winter cold weather
☃️ snowman_with_snow	winter christmas
⛄ snowman	without snow winter
☄️ comet
🔥 fire	burn
💧 droplet	water
🌊 ocean	water wave sea
# Activities
🎃 jack_o_lantern	halloween
🎄 christmas_tree
🎆 fireworks	festival celebration
🎇 sparkler
🧨 firecracker
✨ sparkles	shiny
🎈 balloon	party birthday
🎉 tada	party popper hooray
🎊 confetti_ball
🎋 tanabata_tree
🎍 bamboo	pine decoration
🎎 dolls	japanese
🎏 flags	carp streamer
🎐 wind_chime
🎑 rice_scene	moon viewing ceremony
🧧 red_envelope
🎀 ribbon
🎁 gift	wrapped present birthday christmas
🎗️ reminder_ribbon
🎟️ tickets	admission
🎫 ticket
🎖️ medal_military
🏆 trophy	award contest winner
🏅 medal_sports	gold winner
🥇 1st_place_medal	gold
🥈 2nd_place_medal	silver
🥉 3rd_place_medal	bronze
⚽ soccer	ball sports
⚾ baseball	sports
🥎 softball
🏀 basketball	sports
🏐 volleyball
🏈 football	american sports
🏉 rugby_football
🎾 tennis	sports
🥏 flying_disc
🎳 bowling
🏏 cricket_game
🏑 field_hockey
🏒 ice_hockey
🥍 lacrosse
🏓 ping_pong
🏸 badminton
🥊 boxing_glove
🥋 martial_arts_uniform
🥅 goal_net
⛳ golf	flag in hole
⛸️ ice_skate	skating
🎣 fishing_pole_and_fish
🤿 diving_mask
🎽 running_shirt_with_sash	marathon
🎿 ski	skis
🛷 sled
🥌 curling_stone
🎯 dart	bullseye target
🪀 yo_yo
🪁 kite
🔫 gun	water pistol shoot weapon
🎱 8ball	pool 8 ball billiards
🔮 crystal_ball	fortune
🪄 magic_wand
🎮 video_game	play controller console
🕹️ joystick
🎰 slot_machine
🎲 game_die	dice gambling
🧩 jigsaw	puzzle piece
🧸 teddy_bear
🪅 pinata	piñata
🪩 mirror_ball	disco party
🪆 nesting_dolls
♠️ spades	spade suit
♥️ hearts	heart suit
♦️ diamonds	diamond suit
♣️ clubs	club suit
♟️ chess_pawn
🃏 black_joker
🀄 mahjong	red dragon
🎴 flower_playing_cards
🎭 performing_arts	theater drama
🖼️ framed_picture
🎨 art	artist palette design paint
🧵 thread
🪡 sewing_needle
🧶 yarn
🪢 knot
# Objects
👓 eyeglasses	glasses
🕶️ dark_sunglasses
🥽 goggles
🥼 lab_coat
🦺 safety_vest
👔 necktie	shirt formal
👕 shirt tshirt	t
👖 jeans	pants
🧣 scarf
🧤 gloves
🧥 coat
🧦 socks
👗 dress
👘 kimono
🥻 sari
🩱 one_piece_swimsuit
🩲 swim_brief	briefs
🩳 shorts
👙 bikini	beach
👚 womans_clothes	woman s
🪭 folding_hand_fan	sensu
👛 purse
👜 handbag	bag
👝 pouch	clutch bag
🛍️ shopping	bags
🎒 school_satchel	backpack
🩴 thong_sandal
👞 mans_shoe shoe	man s
👟 athletic_shoe	running sneaker sport
🥾 hiking_boot
🥿 flat_shoe
👠 high_heel	heeled shoe
👡 sandal	woman s shoe
🩰 ballet_shoes
👢 boot	woman s
🪮 hair_pick
👑 crown	king queen royal
👒 womans_hat	woman s
🎩 tophat	top hat classy
🎓 mortar_board	graduation cap education college university
🧢 billed_cap
🪖 military_helmet
⛑️ rescue_worker_helmet	s
📿 prayer_beads
💄 lipstick	makeup
💍 ring	wedding marriage engaged
💎 gem	stone diamond
🔇 mute	muted speaker sound volume
🔈 speaker	low volume
🔉 sound	speaker medium volume
🔊 loud_sound	speaker high volume
📢 loudspeaker	announcement
📣 mega	megaphone
📯 postal_horn
🔔 bell	sound notification
🔕 no_bell	with slash volume off
🎼 musical_score
🎵 musical_note
🎶 notes	musical music
🎙️ studio_microphone	podcast
🎚️ level_slider
🎛️ control_knobs
🎤 microphone	sing
🎧 headphones	headphone music earphones
📻 radio	podcast
🎷 saxophone
🪗 accordion
🎸 guitar	rock
🎹 musical_keyboard	piano
🎺 trumpet
🎻 violin
🪕 banjo
🥁 drum
🪘 long_drum
🪇 maracas	shaker
🪈 flute	recorder
📱 iphone	mobile phone smartphone
📲 calling	mobile phone with arrow call incoming
☎️ phone telephone
📞 telephone_receiver	phone call
📟 pager
📠 fax	machine
🔋 battery	power
🪫 low_battery
🔌 electric_plug
💻 computer	laptop desktop screen
🖥️ desktop_computer
🖨️ printer
⌨️ keyboard
🖱️ computer_mouse
🖲️ trackball
💽 minidisc	computer disk
💾 floppy_disk	save
💿 cd	optical disk
📀 dvd
🧮 abacus
🎥 movie_camera	film video
🎞️ film_strip	frames
📽️ film_projector
🎬 clapper	board film
📺 tv	television
📷 camera	photo
📸 camera_flash	with photo
📹 video_camera
📼 vhs	videocassette
🔍 mag	magnifying glass tilted left search zoom
🔎 mag_right	magnifying glass tilted
🕯️ candle
💡 bulb	light idea
🔦 flashlight
🏮 izakaya_lantern lantern	red paper
🪔 diya_lamp
📔 notebook_with_decorative_cover
📕 closed_book
📖 book open_book
📗 green_book
📘 blue_book
📙 orange_book
📚 books	library
📓 notebook
📒 ledger
📃 page_with_curl
📜 scroll	document
📄 page_facing_up	document
📰 newspaper	press
🗞️ newspaper_roll	rolled up press
📑 bookmark_tabs
🔖 bookmark
🏷️ label	tag
💰 moneybag	money bag dollar cream
🪙 coin
💴 yen	banknote
💵 dollar	banknote money
💶 euro	banknote
💷 pound	banknote
💸 money_with_wings	dollar
💳 credit_card	subscription
🧾 receipt
💹 chart	increasing with yen
✉️ envelope	letter email
📧 email e-mail	e mail
📨 incoming_envelope
📩 envelope_with_arrow
📤 outbox_tray
📥 inbox_tray
📦 package	shipping
📫 mailbox	closed with raised flag
📪 mailbox_closed	with lowered flag
📬 mailbox_with_mail	open raised flag
📭 mailbox_with_no_mail	open lowered flag
📮 postbox
🗳️ ballot_box	with
✏️ pencil2	pencil
✒️ black_nib
🖋️ fountain_pen
🖊️ pen
🖌️ paintbrush
🖍️ crayon
📝 memo pencil	document note
💼 briefcase	business
📁 file_folder	directory
📂 open_file_folder
🗂️ card_index_dividers
📅 date	calendar schedule
📆 calendar	tear off schedule
🗒️ spiral_notepad
🗓️ spiral_calendar
📇 card_index
📈 chart_with_upwards_trend	increasing graph metrics
📉 chart_with_downwards_trend	decreasing graph metrics
📊 bar_chart	stats metrics
📋 clipboard
📌 pushpin	location
📍 round_pushpin	location
📎 paperclip
🖇️ paperclips	linked
📏 straight_ruler
📐 triangular_ruler
✂️ scissors	cut
🗃️ card_file_box
🗄️ file_cabinet
🗑️ wastebasket	trash
🔒 lock	locked security private
🔓 unlock	unlocked security
🔏 lock_with_ink_pen	locked
🔐 closed_lock_with_key	locked security
🔑 key	lock password
🗝️ old_key
🔨 hammer	tool
🪓 axe
⛏️ pick
⚒️ hammer_and_pick
🛠️ hammer_and_wrench
🗡️ dagger
⚔️ crossed_swords
💣 bomb	boom
🪃 boomerang
🏹 bow_and_arrow	archery
🛡️ shield
🪚 carpentry_saw
🔧 wrench	tool
🪛 screwdriver
🔩 nut_and_bolt
⚙️ gear
🗜️ clamp
⚖️ balance_scale
🦯 probing_cane	white
🔗 link
⛓️ chains
🪝 hook
🧰 toolbox
🧲 magnet
🪜 ladder
⚗️ alembic
🧪 test_tube
🧫 petri_dish
🧬 dna
🔬 microscope	science laboratory investigate
🔭 telescope
📡 satellite	antenna signal
💉 syringe	health hospital needle
🩸 drop_of_blood
💊 pill	health medicine
🩹 adhesive_bandage
🩼 crutch
🩺 stethoscope
🩻 x_ray
🚪 door
🛗 elevator
🪞 mirror
🪟 window
🛏️ bed
🛋️ couch_and_lamp
🪑 chair
🚽 toilet	wc
🪠 plunger
🚿 shower	bath
🛁 bathtub
🪤 mouse_trap
🪒 razor
🧴 lotion_bottle
🧷 safety_pin
🧹 broom
🧺 basket
🧻 roll_of_paper	toilet
🪣 bucket
🧼 soap
🫧 bubbles
🪥 toothbrush
🧽 sponge
🧯 fire_extinguisher
🛒 shopping_cart
🚬 smoking	cigarette
⚰️ coffin	funeral
🪦 headstone
⚱️ funeral_urn
🧿 nazar_amulet
🪬 hamsa
🗿 moyai	moai stone
🪧 placard
🪪 identification_card
# Symbols
🏧 atm	sign
🚮 put_litter_in_its_place	bin sign
🚰 potable_water
♿ wheelchair	symbol accessibility
🚹 mens	men s room
🚺 womens	women s room
🚻 restroom	toilet
🚼 baby_symbol
🚾 wc	water closet toilet restroom
🛂 passport_control
🛃 customs
🛄 baggage_claim	airport
🛅 left_luggage
⚠️ warning	wip
🚸 children_crossing
⛔ no_entry	limit
🚫 no_entry_sign	prohibited block forbidden
🚳 no_bicycles
🚭 no_smoking
🚯 do_not_litter	no littering
🚱 non-potable_water	non potable
🚷 no_pedestrians
📵 no_mobile_phones
🔞 underage	no one under eighteen
☢️ radioactive
☣️ biohazard
⬆️ arrow_up
↗️ arrow_upper_right	up
➡️ arrow_right
↘️ arrow_lower_right	down
⬇️ arrow_down
↙️ arrow_lower_left	down
⬅️ arrow_left
↖️ arrow_upper_left	up
↕️ arrow_up_down
↔️ left_right_arrow
↩️ leftwards_arrow_with_hook	right curving left return
↪️ arrow_right_hook	left curving
⤴️ arrow_heading_up	right curving
⤵️ arrow_heading_down	right curving
🔃 arrows_clockwise	vertical
🔄 arrows_counterclockwise	button sync
🔙 back	arrow
🔚 end	arrow
🔛 on	arrow
🔜 soon	arrow
🔝 top	arrow
🛐 place_of_worship
⚛️ atom_symbol
🕉️ om
✡️ star_of_david
☸️ wheel_of_dharma
☯️ yin_yang
✝️ latin_cross
☦️ orthodox_cross
☪️ star_and_crescent
☮️ peace_symbol
🕎 menorah
🔯 six_pointed_star	dotted
🪯 khanda
♈ aries
♉ taurus
♊ gemini
♋ cancer
♌ leo
♍ virgo
♎ libra
♏ scorpius	scorpio
♐ sagittarius
♑ capricorn
♒ aquarius
♓ pisces
⛎ ophiuchus
🔀 twisted_rightwards_arrows	shuffle tracks button
🔁 repeat	button loop
🔂 repeat_one	single button
▶️ arrow_forward	play button
⏩ fast_forward	button
⏭️ next_track_button
⏯️ play_or_pause_button
◀️ arrow_backward	reverse button
⏪ rewind	fast reverse button
⏮️ previous_track_button	last
🔼 arrow_up_small	upwards button
⏫ arrow_double_up	fast button
🔽 arrow_down_small	downwards button
⏬ arrow_double_down	fast button
⏸️ pause_button
⏹️ stop_button
⏺️ record_button
⏏️ eject_button
🎦 cinema	film movie
🔅 low_brightness	dim button
🔆 high_brightness	bright button
📶 signal_strength	antenna bars wifi
🛜 wireless	wifi
📳 vibration_mode
📴 mobile_phone_off	mute
♀️ female_sign
♂️ male_sign
⚧️ transgender_symbol
✖️ heavy_multiplication_x	multiply
➕ heavy_plus_sign
➖ heavy_minus_sign
➗ heavy_division_sign	divide
🟰 heavy_equals_sign
♾️ infinity
‼️ bangbang	double exclamation mark
⁉️ interrobang	exclamation question mark
❓ question	red mark confused
❔ grey_question	white mark
❕ grey_exclamation	white mark
❗ exclamation heavy_exclamation_mark	red bang
〰️ wavy_dash
💱 currency_exchange
💲 heavy_dollar_sign
⚕️ medical_symbol
♻️ recycle	recycling symbol environment green
⚜️ fleur_de_lis
🔱 trident	emblem
📛 name_badge
🔰 beginner	japanese symbol for
⭕ o	hollow red circle
✅ white_check_mark	button
☑️ ballot_box_with_check
✔️ heavy_check_mark
❌ x	cross mark
❎ negative_squared_cross_mark	button
➰ curly_loop
➿ loop	double curly
〽️ part_alternation_mark
✳️ eight_spoked_asterisk
✴️ eight_pointed_black_star
❇️ sparkle
©️ copyright
®️ registered
™️ tm	trade mark trademark
#️⃣ hash	keycap number
*️⃣ asterisk	keycap
0️⃣ zero	keycap 0
1️⃣ one	keycap 1
2️⃣ two	keycap 2
3️⃣ three	keycap 3
4️⃣ four	keycap 4
5️⃣ five	keycap 5
6️⃣ six	keycap 6
7️⃣ seven	keycap 7
8️⃣ eight	keycap 8
9️⃣ nine	keycap 9
🔟 keycap_ten	10
🔠 capital_abcd	input latin uppercase letters
🔡 abcd	input latin lowercase
🔢 1234	input numbers
🔣 symbols	input
🔤 abc	input latin letters alphabet
🅰️ a	button blood type
🆎 ab	button blood type
🅱️ b	button blood type
🆑 cl	button
🆒 cool	button
🆓 free	button
ℹ️ information_source
🆔 id	button
Ⓜ️ m	circled
🆕 new	button fresh
🆖 ng	button
🅾️ o2	o button blood type
🆗 ok	button yes
🅿️ parking	p button
🆘 sos	button help emergency
🆙 up	button
🆚 vs	button
🈁 koko	japanese here button
🈂️ sa	japanese service charge button
🈷️ u6708	japanese monthly amount button
🈶 u6709	japanese not free of charge button
🈯 u6307	japanese reserved button
🉐 ideograph_advantage	japanese bargain button
🈹 u5272	japanese discount button
🈚 u7121	japanese free of charge button
🈲 u7981	japanese prohibited button
🉑 accept	japanese acceptable button
🈸 u7533	japanese application button
🈴 u5408	japanese passing grade button
🈳 u7a7a	japanese vacancy button
㊗️ congratulations	japanese button
㊙️ secret	japanese button
🈺 u55b6	japanese open for business button
🈵 u6e80	japanese no vacancy button
🔴 red_circle
🟠 orange_circle
🟡 yellow_circle
🟢 green_circle
🔵 large_blue_circle
🟣 purple_circle
🟤 brown_circle
⚫ black_circle
⚪ white_circle
🟥 red_square
🟧 orange_square
🟨 yellow_square
🟩 green_square
🟦 blue_square
🟪 purple_square
🟫 brown_square
⬛ black_large_square
⬜ white_large_square
◼️ black_medium_square
◻️ white_medium_square
◾ black_medium_small_square
◽ white_medium_small_square
▪️ black_small_square
▫️ white_small_square
🔶 large_orange_diamond
🔷 large_blue_diamond
🔸 small_orange_diamond
🔹 small_blue_diamond
🔺 small_red_triangle	pointed up
🔻 small_red_triangle_down	pointed
💠 diamond_shape_with_a_dot_inside
🔘 radio_button
🔳 white_square_button
🔲 black_square_button
# Flags
🏁 checkered_flag	chequered milestone finish
🚩 triangular_flag_on_post
🎌 crossed_flags
🏴 black_flag
🏳️ white_flag
🏳️‍🌈 rainbow_flag	pride
🏳️‍⚧️ transgender_flag
🏴‍☠️ pirate_flag
🇦🇨 ascension_island	flag
🇦🇩 andorra	flag
🇦🇪 united_arab_emirates	flag
🇦🇫 afghanistan	flag
🇦🇬 antigua_barbuda	flag
🇦🇮 anguilla	flag
🇦🇱 albania	flag
🇦🇲 armenia	flag
🇦🇴 angola	flag
🇦🇶 antarctica	flag
🇦🇷 argentina	flag
🇦🇸 american_samoa	flag
🇦🇹 austria	flag
🇦🇺 australia	flag
🇦🇼 aruba	flag
🇦🇽 aland_islands	flag åland
🇦🇿 azerbaijan	flag
🇧🇦 bosnia_herzegovina	flag
🇧🇧 barbados	flag
🇧🇩 bangladesh	flag
🇧🇪 belgium	flag
🇧🇫 burkina_faso	flag
🇧🇬 bulgaria	flag
🇧🇭 bahrain	flag
🇧🇮 burundi	flag
🇧🇯 benin	flag
🇧🇱 st_barthelemy	flag barthélemy
🇧🇲 bermuda	flag
🇧🇳 brunei	flag
🇧🇴 bolivia	flag
🇧🇶 caribbean_netherlands	flag
🇧🇷 brazil	flag
🇧🇸 bahamas	flag
🇧🇹 bhutan	flag
🇧🇻 bouvet_island	flag
🇧🇼 botswana	flag
🇧🇾 belarus	flag
🇧🇿 belize	flag
🇨🇦 canada	flag
🇨🇨 cocos_islands	flag keeling
🇨🇩 congo_kinshasa	flag
🇨🇫 central_african_republic	flag
🇨🇬 congo_brazzaville	flag
🇨🇭 switzerland	flag
🇨🇮 cote_divoire	flag côte d ivoire ivory
🇨🇰 cook_islands	flag
🇨🇱 chile	flag
🇨🇲 cameroon	flag
🇨🇳 cn	flag china
🇨🇴 colombia	flag
🇨🇵 clipperton_island	flag
🇨🇷 costa_rica	flag
🇨🇺 cuba	flag
🇨🇻 cape_verde	flag
🇨🇼 curacao	flag curaçao
🇨🇽 christmas_island	flag
🇨🇾 cyprus	flag
🇨🇿 czech_republic	flag czechia
🇩🇪 de	flag germany
🇩🇬 diego_garcia	flag
🇩🇯 djibouti	flag
🇩🇰 denmark	flag
🇩🇲 dominica	flag
🇩🇴 dominican_republic	flag
🇩🇿 algeria	flag
🇪🇦 ceuta_melilla	flag
🇪🇨 ecuador	flag
🇪🇪 estonia	flag
🇪🇬 egypt	flag
🇪🇭 western_sahara	flag
🇪🇷 eritrea	flag
🇪🇸 es	flag spain
🇪🇹 ethiopia	flag
🇪🇺 eu european_union	flag
🇫🇮 finland	flag
🇫🇯 fiji	flag
🇫🇰 falkland_islands	flag
🇫🇲 micronesia	flag
🇫🇴 faroe_islands	flag
🇫🇷 fr	flag france french
🇬🇦 gabon	flag
🇬🇧 gb uk	flag united kingdom british
🇬🇩 grenada	flag
🇬🇪 georgia	flag
🇬🇫 french_guiana	flag
🇬🇬 guernsey	flag
🇬🇭 ghana	flag
🇬🇮 gibraltar	flag
🇬🇱 greenland	flag
🇬🇲 gambia	flag
🇬🇳 guinea	flag
🇬🇵 guadeloupe	flag
🇬🇶 equatorial_guinea	flag
🇬🇷 greece	flag
🇬🇸 south_georgia_south_sandwich_islands	flag
🇬🇹 guatemala	flag
🇬🇺 guam	flag
🇬🇼 guinea_bissau	flag
🇬🇾 guyana	flag
🇭🇰 hong_kong	flag sar china
🇭🇲 heard_mcdonald_islands	flag
🇭🇳 honduras	flag
🇭🇷 croatia	flag
🇭🇹 haiti	flag
🇭🇺 hungary	flag
🇮🇨 canary_islands	flag
🇮🇩 indonesia	flag
🇮🇪 ireland	flag
🇮🇱 israel	flag
🇮🇲 isle_of_man	flag
🇮🇳 india	flag
🇮🇴 british_indian_ocean_territory	flag
🇮🇶 iraq	flag
🇮🇷 iran	flag
🇮🇸 iceland	flag
🇮🇹 it	flag italy
🇯🇪 jersey	flag
🇯🇲 jamaica	flag
🇯🇴 jordan	flag
🇯🇵 jp	flag japan
🇰🇪 kenya	flag
🇰🇬 kyrgyzstan	flag
🇰🇭 cambodia	flag
🇰🇮 kiribati	flag
🇰🇲 comoros	flag
🇰🇳 st_kitts_nevis	flag
🇰🇵 north_korea	flag
🇰🇷 kr	flag south korea
🇰🇼 kuwait	flag
🇰🇾 cayman_islands	flag
🇰🇿 kazakhstan	flag
🇱🇦 laos	flag
🇱🇧 lebanon	flag
🇱🇨 st_lucia	flag
🇱🇮 liechtenstein	flag
🇱🇰 sri_lanka	flag
🇱🇷 liberia	flag
🇱🇸 lesotho	flag
🇱🇹 lithuania	flag
🇱🇺 luxembourg	flag
🇱🇻 latvia	flag
🇱🇾 libya	flag
🇲🇦 morocco	flag
🇲🇨 monaco	flag
🇲🇩 moldova	flag
🇲🇪 montenegro	flag
🇲🇫 st_martin	flag
🇲🇬 madagascar	flag
🇲🇭 marshall_islands	flag
🇲🇰 macedonia	flag north
🇲🇱 mali	flag
🇲🇲 myanmar	flag burma
🇲🇳 mongolia	flag
🇲🇴 macau	flag macao sar china
🇲🇵 northern_mariana_islands	flag
🇲🇶 martinique	flag
🇲🇷 mauritania	flag
🇲🇸 montserrat	flag
🇲🇹 malta	flag
🇲🇺 mauritius	flag
🇲🇻 maldives	flag
🇲🇼 malawi	flag
🇲🇽 mexico	flag
🇲🇾 malaysia	flag
🇲🇿 mozambique	flag
🇳🇦 namibia	flag
🇳🇨 new_caledonia	flag
🇳🇪 niger	flag
🇳🇫 norfolk_island	flag
🇳🇬 nigeria	flag
🇳🇮 nicaragua	flag
🇳🇱 netherlands	flag
🇳🇴 norway	flag
🇳🇵 nepal	flag
🇳🇷 nauru	flag
🇳🇺 niue	flag
🇳🇿 new_zealand	flag
🇴🇲 oman	flag
🇵🇦 panama	flag
🇵🇪 peru	flag
🇵🇫 french_polynesia	flag
🇵🇬 papua_new_guinea	flag
🇵🇭 philippines	flag
🇵🇰 pakistan	flag
🇵🇱 poland	flag
🇵🇲 st_pierre_miquelon	flag
🇵🇳 pitcairn_islands	flag
🇵🇷 puerto_rico	flag
🇵🇸 palestinian_territories	flag
🇵🇹 portugal	flag
🇵🇼 palau	flag
🇵🇾 paraguay	flag
🇶🇦 qatar	flag
🇷🇪 reunion	flag réunion
🇷🇴 romania	flag
🇷🇸 serbia	flag
🇷🇺 ru	flag russia
🇷🇼 rwanda	flag
🇸🇦 saudi_arabia	flag
🇸🇧 solomon_islands	flag
🇸🇨 seychelles	flag
🇸🇩 sudan	flag
🇸🇪 sweden	flag
🇸🇬 singapore	flag
🇸🇭 st_helena	flag
🇸🇮 slovenia	flag
🇸🇯 svalbard_jan_mayen	flag
🇸🇰 slovakia	flag
🇸🇱 sierra_leone	flag
🇸🇲 san_marino	flag
🇸🇳 senegal	flag
🇸🇴 somalia	flag
🇸🇷 suriname	flag
🇸🇸 south_sudan	flag
🇸🇹 sao_tome_principe	flag são tomé príncipe
🇸🇻 el_salvador	flag
🇸🇽 sint_maarten	flag
🇸🇾 syria	flag
🇸🇿 swaziland	flag eswatini
🇹🇦 tristan_da_cunha	flag
🇹🇨 turks_caicos_islands	flag
🇹🇩 chad	flag
🇹🇫 french_southern_territories	flag
🇹🇬 togo	flag
🇹🇭 thailand	flag
🇹🇯 tajikistan	flag
🇹🇰 tokelau	flag
🇹🇱 timor_leste	flag
🇹🇲 turkmenistan	flag
🇹🇳 tunisia	flag
🇹🇴 tonga	flag
🇹🇷 tr	flag turkey
🇹🇹 trinidad_tobago	flag
🇹🇻 tuvalu	flag
🇹🇼 taiwan	flag
🇹🇿 tanzania	flag
🇺🇦 ukraine	flag
🇺🇬 uganda	flag
🇺🇲 us_outlying_islands	flag u s
🇺🇳 united_nations	flag
🇺🇸 us	flag united states america
🇺🇾 uruguay	flag
🇺🇿 uzbekistan	flag
🇻🇦 vatican_city	flag
🇻🇨 st_vincent_grenadines	flag
🇻🇪 venezuela	flag
🇻🇬 british_virgin_islands	flag
🇻🇮 us_virgin_islands	flag u s
🇻🇳 vietnam	flag
🇻🇺 vanuatu	flag
🇼🇫 wallis_futuna	flag
🇼🇸 samoa	flag
🇽🇰 kosovo	flag
🇾🇪 yemen	flag
🇾🇹 mayotte	flag
🇿🇦 south_africa	flag
🇿🇲 zambia	flag
🇿🇼 zimbabwe	flag
🏴󠁧󠁢󠁥󠁮󠁧󠁿 england	flag
🏴󠁧󠁢󠁳󠁣󠁴󠁿 scotland	flag
🏴󠁧󠁢󠁷󠁬󠁳󠁿 wales	flag
`;var h=[],k=new Map;for(let r of b.split(`
`))if(r.startsWith("# "))h.push({name:r.slice(2),all:[]});else if(r){let[o,...t]=r.split("	",1)[0].split(" ");h.at(-1).all.push({emoji:o,names:t,words:[...t,...t.flatMap(i=>i.split("_")),...(r.split("	")[1]??"").split(" ")]});for(let i of t)k.set(i,o)}function H(r){return k.get(r)}function v(r){let o=r.toLowerCase().split(/[\s:]+/).filter(Boolean),t=h.flatMap(a=>a.all).filter(a=>o.every(n=>a.words.some(u=>u.startsWith(n)))),i=a=>+!a.names.some(n=>n.startsWith(o[0]??""));return t.sort((a,n)=>i(a)-i(n))}var w=8;function A(r){let o=c("input",{role:"searchbox",inputmode:"search","aria-label":"Search emoji",placeholder:"Search emoji",autocomplete:"off",spellcheck:"false",maxlength:40}),t=c("div",{class:"grid"}),i=c("p",{class:"sr",role:"status"}),a=[],n,u=e=>{n&&(n.tabIndex=-1),n=e,n&&(n.tabIndex=0)},f=(e,l)=>{let s=l.map(({emoji:_,names:m})=>c("button",{class:"icon",type:"button",tabindex:-1,"aria-label":m[0].replaceAll("_"," "),title:`:${m[0]}:`,onclick:()=>r(_)},_));for(let _=0;_<s.length;_+=w)a.push(s.slice(_,_+w));return c("section",{"aria-label":e},c("h3",{class:"small"},e),c("div",{},...s))},p=()=>{let e=o.value.trim(),l=e?v(e):[];a=[],t.replaceChildren(...e?l.length?[f("Found",l)]:[c("p",{class:"small"},"No emoji found")]:h.map(s=>f(s.name,s.all))),t.scrollTop=0,i.textContent=e?`${l.length} found`:"",u(a[0]?.[0])},g=e=>{e&&(u(e),e.focus({preventScroll:!0}),e.scrollIntoView({block:"nearest"}))};return o.oninput=p,o.onkeydown=e=>{e.key!=="ArrowDown"&&e.key!=="Enter"||e.isComposing||(e.preventDefault(),e.key==="ArrowDown"?g(a[0]?.[0]):o.value.trim()&&a[0]?.[0]?.click())},t.onkeydown=e=>{let l=a.findIndex(d=>d.includes(e.target)),s=a[l];if(!s||e.ctrlKey||e.metaKey||e.altKey)return;let _=s.indexOf(e.target),m=d=>d?.[Math.min(_,d.length-1)];switch(e.key){case"ArrowLeft":g(s[_-1]??a[l-1]?.at(-1));break;case"ArrowRight":g(s[_+1]??a[l+1]?.[0]);break;case"ArrowDown":g(m(a[l+1]));break;case"ArrowUp":l?g(m(a[l-1])):o.focus();break;case"Home":g(a[0][0]);break;case"End":g(a.at(-1).at(-1));break;default:e.key.length===1&&e.key!==" "&&o.focus();return}e.preventDefault()},p(),c("div",{class:"emojis"},o,i,t)}export{H as named,A as picker,v as search};
