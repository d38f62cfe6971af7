"""The words that the sample company is made of: names of people, firms and places, products, industries."""

from __future__ import annotations

from typing import NamedTuple


class Country(NamedTuple):
    """A country of the sample company, with the names that its people and firms have."""

    name: str
    code: str
    currency: str
    cities: tuple[str, ...]
    suffixes: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


COUNTRIES = (
    Country("Brazil", "BR", "BRL", ("São Paulo", "Curitiba", "Recife", "Florianópolis"), ("Ltda.", "S.A."),
            ("João", "Ana", "Luísa", "Thiago"), ("Gonçalves", "Araújo", "Lima", "Peixoto")),
    Country("Germany", "DE", "EUR", ("München", "Köln", "Düsseldorf", "Leipzig"), ("GmbH", "AG", "GmbH & Co. KG"),
            ("Jürgen", "Anke", "Björn", "Sabine"), ("Müller", "Weiß", "Schäfer", "Krüger")),
    Country("Spain", "ES", "EUR", ("Málaga", "Bilbao", "A Coruña", "Madrid"), ("S.L.", "S.A."),
            ("Íñigo", "Lucía", "Andrés", "Nuria"), ("Muñoz", "Ibáñez", "Peña", "Vázquez")),
    Country("United States", "US", "USD", ("Austin", "Denver", "Chicago", "Portland"), ("Inc.", "LLC", "Corp."),
            ("Grace", "Dwayne", "Maya", "Ethan"), ("O'Neill", "Parker", "Nguyen", "Whitfield")),
    Country("United Kingdom", "GB", "GBP", ("Leeds", "Bristol", "Glasgow", "Cardiff"), ("Ltd", "plc"),
            ("Alistair", "Priya", "Nia", "Rhys"), ("Macleod", "Okafor", "Hughes", "Patel")),
    Country("Mexico", "MX", "MXN", ("Mérida", "Querétaro", "León", "Monterrey"), ("S.A. de C.V.",),
            ("Ximena", "Raúl", "Sofía", "Héctor"), ("Núñez", "Ordóñez", "Castañeda", "Rivas")),
    Country("Poland", "PL", "EUR", ("Łódź", "Gdańsk", "Kraków", "Wrocław"), ("Sp. z o.o.", "S.A."),
            ("Łukasz", "Agnieszka", "Paweł", "Zofia"), ("Wiśniewski", "Dąbrowska", "Wójcik", "Żak")),
    Country("Japan", "JP", "JPY", ("東京", "大阪", "札幌", "福岡"), ("株式会社", "K.K."),
            ("陽子", "健太", "さくら", "翔"), ("佐藤", "高橋", "渡辺", "中村")),
    Country("Switzerland", "CH", "EUR", ("Zürich", "Genève", "Basel", "Luzern"), ("AG", "SA"),
            ("Reto", "Céline", "Urs", "Flavia"), ("Bünzli", "Favre", "Zürcher", "Crivelli")),
)  # fmt: skip
FIRM_STEMS = (
    "Northwind", "Aurora", "Meridian", "Bluestone", "Harbour", "Solstice", "Granite", "Lumen", "Cascade", "Verdant", "Ironbridge",
    "Pinnacle", "Caravela", "Tramontana", "Falken", "Ökotek", "Señorío", "Żubr", "Kōyō", "Altiplano", "Rheingold", "Estrela",
    "Montblanc", "Sequoia", "Tideway", "Quartz", "Orinoco", "Halcyon", "Vega", "Boreal",
)  # fmt: skip
FIRM_FIELDS = {
    "Manufacturing": ("Works", "Precision", "Machinery"),
    "Banking": ("Bank", "Finance", "Capital"),
    "Healthcare": ("Clinics", "Medical", "Pharma"),
    "Technology": ("Systems", "Software", "Digital"),
    "Retail": ("Stores", "Trading", "Market"),
    "Energy": ("Power", "Energy", "Solar"),
    "Logistics": ("Logistics", "Freight", "Shipping"),
    "Education": ("Academy", "Learning", "University"),
    "Food & Beverage": ("Foods", "Brewing", "Coffee"),
}
FAMILIES = {
    "Platform": ("Platform Core", "Platform Enterprise", "Platform Edge"),
    "Analytics": ("Insight Basic", "Insight Pro", "Insight Forecast"),
    "Integration": ("Connect Standard", "Connect Plus", "Connect Files"),
    "Security": ("Guard", "Guard Audit", "Guard Vault"),
    "Services": ("Onboarding", "Training Day", "Solution Review"),
    "Support": ("Support Silver", "Support Gold", "Support Platinum"),
}
TITLES = ("Chief Financial Officer", "Head of Procurement", "IT Director", "Operations Manager", "Managing Director")
SUBJECTS = {
    "task": ("Send the proposal", "Follow up on the offer", "Prepare the workshop"),
    "meeting": ("Quarterly review", "Steering committee", "On-site workshop"),
    "call": ("Check-in call", "Call about the renewal", "Discovery call"),
    "email": ("Minutes of our meeting", "Offer as discussed", "Question on the contract"),
    "note": ("Organisation chart updated", "Budget news", "Feedback on support"),
}
