"""What readers get of a run: the page, the statement, pictures, Allure, JUnit properties and the last lines on the terminal."""
