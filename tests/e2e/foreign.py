"""Repositories as strangers have them: written for Docker Hub and GitHub, with the broken pin."""

from __future__ import annotations

from pathlib import Path

import yaml
from harness import Towline, Work

APP_PY = """\
from flask import Flask
app = Flask(__name__)


@app.route('/')
def index():
    return '{greeting}'


if __name__ == "__main__":
    app.run(debug=True, host='0.0.0.0', port=5000)
"""

DOCKERFILE = """\
# syntax=docker/dockerfile:1

FROM python:3.9.16-slim-buster

WORKDIR /python-docker

COPY requirements.txt requirements.txt
RUN pip3 install -r requirements.txt

COPY . .

CMD [ "python3", "-m" , "flask", "run", "--host=0.0.0.0"]
"""

APP_JENKINSFILE = """\
node {
    def app
    stage('Get sources') {

        checkout scm
    }

    stage('Image') {
       app = docker.build("stranger/flaskapp")
    }
    stage('Check image') {

        app.inside {
            sh 'echo "All good"'
        }
    }

    stage('Publish') {
        docker.withRegistry('https://registry.hub.docker.com', 'dockerhub') {
            app.push("${env.BUILD_NUMBER}")
        }
    }
    stage('Start the manifest job') {
                echo "starting the manifest job"
                build job: 'updatemanifest',
                    parameters: [string(name: 'DOCKERTAG', value: env.BUILD_NUMBER)]
        }
}
"""

MANIFEST_JENKINSFILE = """\
node {
    def app

    stage('Get manifests') {
        checkout scm
    }
    stage('Change the tag') {
            script {
                catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') {
                    withCredentials([usernamePassword(credentialsId: 'github',
                            passwordVariable: 'GIT_PASSWORD', usernameVariable: 'GIT_USERNAME')]) {
                        // credentials reach the shell as text, as many public files have it
                        sh "git config user.email someone@example.com"
                        sh "git config user.name Someone"
                        sh "cat deployment.yaml"
                        sh "sed -i 's+stranger/flaskapp.*+stranger/flaskapp:${DOCKERTAG}+g' *.yaml"
                        sh "cat deployment.yaml"
                        sh "git add ."
                        sh "git commit -m 'Tag ${DOCKERTAG} by updatemanifest ${env.BUILD_NUMBER}'"
                        sh "git push https://${GIT_USERNAME}:${GIT_PASSWORD}@github.com/\
${GIT_USERNAME}/kubernetesmanifest.git HEAD:main"
      }
    }
  }
}
}
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  creationTimestamp: null
  labels:
    app: flaskdemo
  name: flaskdemo
spec:
  replicas: 2
  selector:
    matchLabels:
      app: flaskdemo
  strategy: {}
  template:
    metadata:
      creationTimestamp: null
      labels:
        app: flaskdemo
    spec:
      containers:
      - image: stranger/flaskapp:0
        name: flaskapp
        resources: {}
status: {}
---
apiVersion: v1
kind: Service
metadata:
  creationTimestamp: null
  labels:
    app: flaskdemo
  name: lb-service
spec:
  ports:
  - name: "80"
    port: 80
    protocol: TCP
    targetPort: 5000
  selector:
    app: flaskdemo
  type: LoadBalancer
status:
  loadBalancer: {}
"""


class Pair:
    """The two repositories, and the objects that a user applies for them."""

    def __init__(self, towline: Towline, folder: Path) -> None:
        self.towline = towline
        self.app = Work(towline, folder / "app", "stranger/kubernetescode")
        self.manifests = Work(towline, folder / "manifests", "stranger/kubernetesmanifest")

    def apply_objects(self, *, constraints: list[str]) -> None:
        towline = self.towline
        towline.basic_auth("github", "stranger", towline.token)
        towline.basic_auth("dockerhub", "stranger", "secret-of-docker-hub")
        both = [
            {"id": "github", "secretRef": {"name": "github"}},
            {"id": "dockerhub", "secretRef": {"name": "dockerhub"}},
        ]
        pipelines = {
            "buildimage": {
                "source": {"repoURL": self.app.remote, "credentialsId": "github"},
                "credentials": both,
                "build": {"constraints": constraints},
            },
            "updatemanifest": {
                "source": {"repoURL": self.manifests.remote, "credentialsId": "github"},
                "triggers": {"push": False},
                "parameters": [{"name": "DOCKERTAG", "type": "string", "default": "latest"}],
                "credentials": both[:1],
            },
        }
        objects = [
            {
                "apiVersion": "towline.dev/v1alpha1",
                "kind": "Pipeline",
                "metadata": {"name": name, "namespace": "argocd"},
                "spec": spec,
            }
            for name, spec in pipelines.items()
        ]
        objects.append(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "flaskdemo", "namespace": "argocd"},
                "spec": {
                    "project": "default",
                    "source": {
                        "repoURL": self.manifests.remote,
                        "targetRevision": "HEAD",
                        "path": "./",
                    },
                    "destination": {
                        "server": "https://kubernetes.default.svc",
                        "namespace": "default",
                    },
                    "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
                },
            }
        )
        towline.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def first_commits(self) -> None:
        self.manifests.write(deployment__yaml=DEPLOYMENT, Jenkinsfile=MANIFEST_JENKINSFILE)
        self.manifests.commit("manifests")
        self.manifests.push()
        self.app.write(
            Dockerfile=DOCKERFILE, Jenkinsfile=APP_JENKINSFILE, requirements__txt="Flask==2.2.0\n"
        )

    def push_app(self, greeting: str) -> str:
        self.app.write(app__py=APP_PY.format(greeting=greeting))
        commit = self.app.commit(greeting)
        self.app.push()
        return commit
