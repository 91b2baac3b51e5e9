"""Hours of the mix on one server: does it fail, grow, leak blocks, or leave anything parked?"""
