import Testing

@testable import Tasks

/// Words of Porter's paper and of task data, each with the stem NLTK's `PorterStemmer` (default mode) gives.
private let wordsAndStems = """
  caresses caress, ponies poni, ties tie, dies die, caress caress, cats cat, feed feed, agreed agre,
  plastered plaster, bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size,
  hopping hop, tanned tan, falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi,
  enjoy enjoy, spied spi, died die, relational relat, conditional condit, rational ration, valenci valenc,
  hesitanci hesit, digitizer digit, conformably conform, radically radic, differently differ, vilely vile,
  analogously analog, vietnamization vietnam, predication predic, operator oper, feudalism feudal,
  decisiveness decis, hopefulness hope, callousness callous, formality formal, sensitivity sensit,
  sensibility sensibl, triplicate triplic, formative form, formalize formal, electricity electr, electrical electr,
  hopeful hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin, gyroscopic gyroscop,
  adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust, dependent depend,
  adoption adopt, homologou homolog, communism commun, activate activ, angularity angular, homologous homolog,
  effective effect, bowdlerize bowdler, probate probat, rate rate, cease ceas, controll control, roll roll,
  geology geolog, theology theolog, archaeology archaeolog, carefully care, skies sky, dying die, news news,
  innings inning, proceed proceed, exceed exceed, succeed succeed, howe howe, syzygy syzygi, yyyyed yyyi, oies oie,
  finally final, totally total, abilities abil, generally gener, basically basic, mins min, buddy buddi,
  responses respons, clothing cloth, associate associ, bonus bonu, polls poll, labels label, randomized random,
  based base, competitive competit, indicate indic, protests protest, employment employ, july juli, majority major,
  confirmed confirm, contained contain, scoring score, russell russel, dollars dollar, songwriting songwrit,
  focus focu, battery batteri, ideas idea, working work, brittany brittani, pushed push, lands land, lovely love,
  abuse abus, bridges bridg, breathing breath, ability abil, volunteered volunt, brownies browni, reached reach,
  learned learn, arguing argu, drops drop, subsequent subsequ, increase increas, practice practic, going go,
  many mani, presidential presidenti, forming form, islamic islam, normally normal, science scienc, composed compos,
  rising rise, receive receiv, limbs limb, mines mine, searches search, tony toni, festival festiv,
  proceeded proceed, eddie eddi, building build, variety varieti, recommendations recommend, physical physic,
  taste tast, returned return, fishing fish, serve serv, triple tripl, matthews matthew, little littl,
  representative repres, crews crew, reaching reach, begins begin, nights night, popularity popular, engaged engag,
  antarctic antarct, affordable afford, colleagues colleagu, reasons reason, investors investor, lucas luca,
  initiative initi, studies studi, points point, presence presenc, weeks week, jokingly jokingli, organization organ,
  dramatic dramat, several sever, romance romanc, shining shine, furniture furnitur, aimed aim, lifestyle lifestyl,
  introduce introduc, days day, knocking knock, included includ, strange strang, equivalent equival, lucky lucki,
  amazing amaz, hardware hardwar, deliver deliv, pounds pound, attending attend, robbery robberi, neighbors neighbor,
  consists consist, employee employe, statements statement, online onlin, imagination imagin, revenue revenu,
  solve solv, exciting excit, edited edit, december decemb, frusciante frusciant, names name, invited invit,
  stepped step, hungary hungari, ollie olli, grounds ground, happening happen, deputy deputi, regularly regularli,
  scholars scholar, tommy tommi, picture pictur, passing pass, joking joke, realizing realiz, letting let,
  acting act, roses rose, funny funni, persuade persuad, picked pick, hides hide, chased chase, conceded conced,
  overwhelmed overwhelm, served serv, searched search, musical music, sense sens, jerry jerri, puppy puppi,
  increases increas, living live, hanging hang, characteristics characterist, wendy wendi, nduring ndure,
  entirely entir, debuted debut, introduction introduct, watching watch, methods method, century centuri,
  premiered premier, staged stage, damaged damag, consider consid, daily daili, combative comb, narrator narrat,
  causing caus, representatives repres, illegally illeg, recognised recognis, paris pari, thousands thousand,
  positions posit, victory victori, previous previou, centuries centuri, opens open, eating eat, praised prais,
  towns town, locked lock, priority prioriti, sporting sport, nbefore nbefor, engaging engag, organic organ,
  billy billi, prominent promin, temperature temperatur, naturally natur, stopping stop, receives receiv,
  battle battl, placed place, encourage encourag, holidays holiday, cars car, recognise recognis, nightmare nightmar,
  survive surviv, funding fund, notice notic, writings write, allegations alleg, serving serv, knees knee,
  recommended recommend, values valu, asking ask, prestigious prestigi, leone leon, jenny jenni, sponsored sponsor,
  instruction instruct, privacy privaci, believe believ, immense immens, holy holi, recalled recal, depends depend,
  richie richi, surprisingly surprisingli, instantly instantli, spots spot, heads head, lacks lack,
  horrified horrifi, smelled smell, eggs egg, proves prove, evacuated evacu, looking look, rarely rare,
  reporting report, congressional congression, entrance entranc, pointed point, twelve twelv, enjoyed enjoy,
  commitment commit, conference confer, struggle struggl, boxers boxer, bombs bomb, reminds remind, clinical clinic,
  midfielder midfield
  """

@Test func stemsAgreeWithNLTK() {
  let stemmer = PorterStemmer()
  let pairs = wordsAndStems.split { $0 == "," || $0.isNewline }.map { $0.split(separator: " ") }
  #expect(pairs.count > 300)
  for pair in pairs {
    #expect(String(decoding: stemmer.stem(Array(pair[0].utf8)), as: UTF8.self) == pair[1], "\(pair[0])")
  }
}
