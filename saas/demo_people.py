"""Who lives in the demo organisations, and what they say. Data only: no table is needed to read it."""

from dataclasses import dataclass

PASSWORD = "conclave-demo"


@dataclass(frozen=True)
class Person:
    name: str
    email: str
    role: str


@dataclass(frozen=True)
class Organization:
    slug: str
    name: str
    people: tuple[Person, ...]  # the owner first
    rooms: tuple[tuple[str, str], ...]
    said: tuple[tuple[str, int, str], ...]  # room, who, what
    notice: tuple[str, str]


ACME = Organization(
    "acme",
    "Acme Rockets",
    (
        Person("Ada Amsel", "ada@acme.example", "owner"),
        Person("Bruno Berg", "bruno@acme.example", "admin"),
        Person("Chana Cohen", "chana@acme.example", "member"),
        Person("Dai Tanaka", "dai@acme.example", "member"),
        Person("Elif Eren", "elif@acme.example", "moderator"),
        Person("Gil Gast", "gil@acme.example", "guest"),
    ),
    (("launch", "Launch"), ("code", "Code and tools")),
    (
        ("general", 0, "Good morning! Countdown review at ten, in the launch room."),
        ("general", 2, "בוקר טוב! אני מביאה קפה. מי רוצה?"),
        ("general", 3, "おはようございます。コーヒーをお願いします ☕"),
        ("general", 1, "صباح الخير جميعًا، الاجتماع في العاشرة (10:00) كما اتفقنا."),
        ("general", 0, "👩‍🚀🚀🎉 It flies! Thank you all 🙏🏽"),
        ("general", 3, "Ça marche — même Zürich, Łódź und São Paulo haben zugeschaut."),
        ("launch", 1, "Weather window is open from 14:20 to 15:05 UTC."),
        ("launch", 2, "Fuel check done ✅\nPressure 3.1 bar, temperature −183 °C."),
        ("launch", 0, "T−10 and holding. Everybody on channel, please."),
        (
            "code",
            3,
            "```\ndef window(opens, closes, now):\n    return opens <= now < closes  # half open, on purpose\n```",
        ),
        ("code", 1, 'if (a < b && c > "d") { return `<b>${a}</b>`; }'),
        (
            "code",
            4,
            "Code goes between ``` lines, then it **stays** as it is: <https://spec.commonmark.org>",
        ),
        ("code", 2, "SELECT name FROM stage WHERE thrust > 7.5 ORDER BY thrust DESC;"),
    ),
    ("Office closed on Friday", "The building is without power on Friday from 8:00. Please work from home."),
)
GLOBEX = Organization(
    "globex",
    "Globex",
    (
        Person("Mallory Moss", "mallory@globex.example", "owner"),
        Person("Nia Novak", "nia@globex.example", "admin"),
        Person("Omar Okafor", "omar@globex.example", "member"),
    ),
    (("sales", "Sales"),),
    (
        ("general", 0, "Welcome to Globex. Nobody from Acme is reading along."),
        ("general", 1, "Привет! Рада быть здесь."),
        ("general", 2, "你好，大家好 👋 नमस्ते!"),
        ("sales", 1, "Quarter closed at +12 % 📈"),
        ("sales", 0, "Splendid. Numbers to the board by Thursday."),
    ),
    ("New door code", "From Monday on the door at the river side opens with the badge only."),
)
ORGANIZATIONS = (ACME, GLOBEX)
LOGINS = [
    (organization.slug, person.email, PASSWORD, person.role)
    for organization in ORGANIZATIONS
    for person in organization.people
]
