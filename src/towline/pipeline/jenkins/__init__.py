"""What Jenkinsfiles mean: steps, results, scripted and declarative pipelines. Pure."""
