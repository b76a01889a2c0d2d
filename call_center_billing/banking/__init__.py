"""What a bank tells of a payment, read without Odoo's database."""

from . import allocation, references
